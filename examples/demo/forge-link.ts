import { createHash, randomUUID, sign } from 'node:crypto'
import type { TestAgent } from '@countermark/testing'
import type { Delegate } from './delegate.ts'
import { type Claims, lifetime } from './issuer.ts'

/**
 * A link (docs/protocol/offline-delegation.md) by an agent that keeps to no rule: it signs whatever it is told to and puts
 * that behind the token. Without `claims` it is as good as any.
 */
export function forgeLink(token: string, from: Delegate, to: TestAgent, claims: Claims = {}): string {
  const header = { typ: 'delegation-link+jwt', alg: 'EdDSA', kid: from.thumbprint }
  const honest = {
    iss: from.agentId,
    sub: to.agentId,
    cnf: { jwk: to.publicJwk },
    prv: createHash('sha256').update(token).digest('base64url'),
    scope: 'customers:user_17:read',
    ...lifetime(30),
    jti: randomUUID(),
  }
  const input = [header, { ...honest, ...claims }].map(encode).join('.')
  return `${token}~${input}.${sign(null, Buffer.from(input), from.key).toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
