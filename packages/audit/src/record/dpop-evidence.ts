import type { PublicJwk } from '@countermark/core/internal'
import type { AuditEvidence } from './audit-record.ts'
import { MAX_TEXT } from './bounded-text.ts'
import type { Evidence } from './evidence.ts'
import { digestOf } from './mask-base.ts'
import type { SecretParameters } from './secret-parameters.ts'

/**
 * A DPoP proof as evidence (RFC 9449): whoever holds the key signed method, URL, time and the hash of the token. It may stand
 * in the trail, since nobody can do anything with it: its `jti` was used up before the record was written, it ends within
 * minutes, and it is worth nothing without the token, of which it holds the hash only.
 */
export function readDpopProof(text: string | undefined, { hideInJson }: SecretParameters): Evidence | undefined {
  const [header = '', payload = '', signature = ''] = text?.split('.') ?? []
  if (signature === '' || header.length + payload.length > MAX_TEXT.signed) return undefined
  const { alg, jwk } = parseObject(header)
  const { iat } = parseObject(payload)
  if (typeof alg !== 'string' || typeof jwk !== 'object' || jwk === null) return undefined
  const hasSecret = [header, payload].some((part) => holdsSecret(part, hideInJson))
  const evidence: AuditEvidence = {
    algorithm: alg,
    created: typeof iat === 'number' ? iat : undefined,
    grade: hasSecret ? 'signature+token' : 'possession',
    masked: hasSecret ? ['*'] : undefined,
    publicKey: publicMembers(jwk),
  }
  const signed = `${header}.${payload}`
  return { evidence, signed: `${signature}\n${hasSecret ? digestOf(signed) : signed}` }
}

/** A claim that is none of a proof's may hold anything. */
function holdsSecret(part: string, hideInJson: SecretParameters['hideInJson']): boolean {
  const members = parseObject(part)
  return JSON.stringify(hideInJson(members)) !== JSON.stringify(members)
}

const MEMBERS = ['crv', 'e', 'kty', 'n', 'x', 'y'] as const

/** Nothing but the key: other members are whatever the caller likes. */
function publicMembers(jwk: object): PublicJwk {
  const given: Readonly<Record<string, unknown>> = { ...jwk }
  return Object.fromEntries(MEMBERS.flatMap((name) => (typeof given[name] === 'string' ? [[name, given[name]]] : [])))
}

/** The check before has verified the proof; what is no object now never was one. */
function parseObject(part: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
