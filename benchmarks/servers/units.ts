import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { type BenchKey, privateKeyOf } from '../identity.ts'
import type { CreateListener } from '../server.ts'
import { ok } from './node-guarded.ts'

/** A message of 345 bytes, and what its key signed of it. */
export interface SignedMessage {
  readonly message: Buffer
  readonly signature: Buffer
}

/** So many messages that a processor learns the way of none, and so few that they stay in its caches, as what just came in does. */
const MESSAGES = 256

/** Messages that differ in a number at their end. */
export function createMessages(key: BenchKey, digest: 'sha256' | null, count = MESSAGES): readonly SignedMessage[] {
  const privateKey = privateKeyOf(key)
  return Array.from({ length: count }, (_, index) => {
    const message = Buffer.from(`"@method": GET\n${'x'.repeat(322)}${String(index).padStart(8, '0')}`)
    return { message, signature: sign(digest, message, { key: privateKey, dsaEncoding: 'ieee-p1363' }) }
  })
}

function verifying(key: BenchKey, digest: 'sha256' | null, count: number): ReturnType<CreateListener> {
  const messages = createMessages(key, digest, count)
  const withKey = { key: publicKeyOf(key), dsaEncoding: 'ieee-p1363' } as const
  let next = 0
  return (request, response) => {
    const { message, signature } = messages[next++ % count] as SignedMessage
    const isValid =
      digest === null ? verify(null, message, withKey.key, signature) : verify(digest, message, withKey, signature)
    if (!isValid) throw new Error('the unit must verify')
    ok(request, response)
  }
}

/** As a request brings it: text that becomes bytes, and a digest of both for replay and records. */
function verifyingText(key: BenchKey): ReturnType<CreateListener> {
  const texts = createMessages(key, null).map(({ message, signature }) => ({
    message: message.toString('latin1'),
    signature: signature.toString('base64'),
  }))
  const publicKey = publicKeyOf(key)
  let next = 0
  return (request, response) => {
    const text = texts[next++ % MESSAGES] as (typeof texts)[number]
    const message = Buffer.from(text.message, 'latin1')
    if (!verify(null, message, publicKey, Buffer.from(text.signature, 'base64')))
      throw new Error('the unit must verify')
    if (hash('sha256', message, 'base64') === hash('sha256', text.signature, 'base64'))
      throw new Error('digests differ')
    ok(request, response)
  }
}

/** The public half, ready for use. */
export function publicKeyOf({ publicJwk }: BenchKey): KeyObject {
  return createPublicKey({ key: publicJwk, format: 'jwk' })
}

/** What costs nothing but a verification: of messages that differ, of one, of text, by another algorithm. */
export const UNIT_SERVERS: Readonly<Record<string, CreateListener>> = {
  'node+raw-verify': ({ agentKey }) => verifying(agentKey, null, MESSAGES),
  'node+raw-verify, one message': ({ agentKey }) => verifying(agentKey, null, 1),
  'node+raw-verify, from text, hashed twice': ({ agentKey }) => verifyingText(agentKey),
  'node+raw-verify ES256': ({ agentEcKey }) => verifying(agentEcKey, 'sha256', MESSAGES),
}
