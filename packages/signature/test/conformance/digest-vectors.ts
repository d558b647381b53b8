import { checkContentDigest, createContentDigest } from '../../src/index.ts'
import { attempt, compare, type JudgeVector } from './vector.ts'

/** RFC 9530: sample digests, and messages whose Content-Digest matches or not. */
export const judgeDigest: JudgeVector = ({ input, expected }) => {
  const content = Buffer.from(input.body_b64, 'base64')
  if (input.algorithm !== undefined) {
    const field = `${input.algorithm}=:${expected.base64}:`
    if (input.algorithm === 'sha-512' && createContentDigest(content, 'sha-512') !== field) {
      return { fail: 'another digest' }
    }
    return compare(expected.secure, 'value' in attempt(() => checkContentDigest([field], content)))
  }
  const lines = input.message.headers
    .filter(([name]: readonly [string]) => name.toLowerCase() === 'content-digest')
    .map(([, value]: readonly [string, string]) => value)
  if (expected.content_digest_ok === null) {
    return lines.length === 0
      ? { skip: 'carries Repr-Digest only, which is not checked' }
      : { fail: 'unexpected digest' }
  }
  return compare(expected.content_digest_ok, 'value' in attempt(() => checkContentDigest(lines, content)))
}
