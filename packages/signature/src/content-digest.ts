import { Refusal } from '@countermark/core'
import { scanByteSequences } from './scan-byte-sequences.ts'
import { digestBase64 } from './sha-digest.ts'

/** The algorithms that RFC 9530 section 5 calls active. All others are unknown or too weak to count. */
export type DigestAlgorithm = 'sha-256' | 'sha-512'

/** The same, the cheaper one first. */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['sha-256', 'sha-512']

const ACTIVE: ReadonlyMap<string, 'sha256' | 'sha512'> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
])

const SOLE_START = 'sha-256=:'
const SOLE_LENGTH = SOLE_START.length + 44 + 1

/** What a server without an opinion asks for: `sha-512` costs three times as much. */
export const WANT_CONTENT_DIGEST = 'sha-256=10, sha-512=3'

/** A `Content-Digest` value for the content as it is transferred (RFC 9530 section 2). */
export function createContentDigest(content: Uint8Array, algorithm: DigestAlgorithm = 'sha-256'): string {
  return `${algorithm}=:${digestBase64(algorithm === 'sha-256' ? 'sha256' : 'sha512', content)}:`
}

/**
 * Checks content against `Content-Digest`: every active algorithm that is stated must match, and there must be one.
 * @throws Refusal `digest_mismatch`
 */
export function checkContentDigest(lines: readonly string[], content: Uint8Array): void {
  if (lines.length === 1 && isSoleDigest(lines[0] as string, content)) return
  const stated = scanByteSequences(lines.join(', ').trim())
  if (stated === undefined) throw mismatch('Content-Digest must be a dictionary of byte sequences')
  let checked = 0
  for (const [name, received] of stated) {
    const algorithm = ACTIVE.get(name)
    if (algorithm === undefined) continue
    const expected = digestBase64(algorithm, content)
    // A digest of what the caller sent itself is no secret: nothing is gained by comparing in constant time.
    if (received !== expected)
      throw mismatch(`${name} does not match the content`, { algorithm: name, expected, received })
    checked++
  }
  if (checked === 0) throw mismatch('Content-Digest must state sha-256 or sha-512')
}

/** What almost every caller states, one sha-256 spelt as we spell it, is compared without being parsed. */
function isSoleDigest(line: string, content: Uint8Array): boolean {
  if (line.length !== SOLE_LENGTH || !line.startsWith(SOLE_START) || !line.endsWith(':')) return false
  return line.startsWith(digestBase64('sha256', content), SOLE_START.length)
}

function mismatch(message: string, diagnosis?: Readonly<Record<string, string>>): Refusal {
  return new Refusal('digest_mismatch', message, diagnosis === undefined ? {} : { diagnosis: { digest: diagnosis } })
}
