import { hash } from 'node:crypto'
import { type AgentRequest, isRefusal } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import { aRequest, createFakeClock, createTestEnvironment } from '@countermark/testing'
import { compare, type JudgeVector, type Vector, type Verdict } from '../../../signature/test/conformance/vector.ts'
import { Dpop } from '../../src/binding/dpop.ts'
import { normaliseHttpUrl } from '../../src/binding/http-url.ts'

/** DPoP proofs as RFC 9449 prints them, and what is changed about them. */
export const judgeDpop: JudgeVector = async ({ input, expected }): Promise<Verdict> => {
  if (input.access_token_jwt !== undefined) return { skip: 'a token without a published key' }
  const clock = createFakeClock(input.clock * 1000)
  const dpop = new Dpop({ store: memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true }) }, true)
  const tokenHash = input.access_token === undefined ? undefined : hash('sha256', input.access_token, 'base64url')
  const presented = { request: toRequest(input), tokenHash, thumbprint: undefined }
  try {
    const thumbprint = await dpop.verify(presented, createTestEnvironment({ clock }))
    return compare([expected.valid, expected.jkt ?? thumbprint], [true, thumbprint])
  } catch (error) {
    if (!isRefusal(error)) throw error
    return compare(expected.valid, false)
  }
}

/** How `htu` and the URL of a request are brought into one form. */
export const judgeUrl: JudgeVector = ({ input, expected }): Verdict => {
  // Two slashes at the start of a target never come as far: the guard refuses the request.
  const isRefused = input.side === 'request' && /^https?:\/\/[^/?#]*\/\//.test(input.url)
  const normalised = isRefused ? undefined : normaliseHttpUrl(input.url)
  return compare(expected.error === true ? undefined : expected.normalised, normalised)
}

/** The request to a URL, as a guard of that authority sees it. */
function toRequest({ method, url, proof }: Vector['input']): AgentRequest {
  const [, scheme = '', authority = '', target = ''] = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url) ?? []
  return aRequest({
    method,
    scheme: scheme.toLowerCase() === 'http' ? 'http' : 'https',
    authority: authority.toLowerCase().replace(/:443$/, ''),
    target,
    headerLines: [['DPoP', proof]],
  })
}
