import { type HeaderField, isRefusal } from '@countermark/core'
import { REFUSAL_CODES } from '@countermark/core/internal'
import { aRequest } from '@countermark/testing'
import { compare, type JudgeVector, type Verdict } from '../../../signature/test/conformance/vector.ts'
import { createTokenReader } from '../../src/token/presented-token.ts'

/** Where a bearer token may come from. */
export const judgeExtraction: JudgeVector = ({ input, expected }): Verdict => {
  if (input.form !== undefined) return { skip: 'tokens in bodies are optional, and not taken (RFC 6750 section 2.2)' }
  const lines: readonly HeaderField[] =
    input.authorization === undefined ? [] : [['Authorization', input.authorization.trim()]]
  const target = input.query === undefined ? '/' : `/?${input.query}`
  try {
    const { text } = createTokenReader('either')(aRequest({ target, headerLines: lines }))
    return compare(expected, { token: text })
  } catch (error) {
    if (!isRefusal(error)) throw error
    const [, row] = Object.entries(REFUSAL_CODES).find(([code]) => code === error.code) ?? []
    return compare(expected, { status: row?.status })
  }
}
