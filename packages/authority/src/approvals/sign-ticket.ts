import { randomUUID } from 'node:crypto'
import { Refusal } from '@countermark/core'
import type { SigningKeys } from '../signing-keys/signing-keys.ts'

/** What a ticket says: docs/protocol/approval-ticket.md. */
export interface TicketClaims {
  readonly issuer: string
  readonly audience: string
  readonly agentId: string
  readonly digest: string
  /** Unix seconds. */
  readonly issuedAt: number
  /** Unix seconds. */
  readonly expiresAt: number
}

/**
 * Signs a ticket with the key that signs tokens.
 * @throws Refusal `config_error` when that is no Ed25519 key
 */
export async function signTicket(keys: SigningKeys, claims: TicketClaims): Promise<string> {
  const { kid, algorithm, sign } = await keys.findSigner()
  if (algorithm !== 'EdDSA') throw new Refusal('config_error', 'tickets are signed with an Ed25519 key')
  const { issuer, audience, agentId, digest, issuedAt, expiresAt } = claims
  const header = { alg: 'Ed25519', typ: 'approval-ticket+jwt', kid }
  const times = { iat: issuedAt, exp: expiresAt }
  const signed = `${encode(header)}.${encode({ iss: issuer, aud: audience, sub: agentId, ...times, jti: randomUUID(), req: digest })}`
  return `${signed}.${Buffer.from(await sign(Buffer.from(signed))).toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
