import type { DoorEvent } from '../stop/door-events.ts'
import { signJwt, type TokenKeys } from '../tokens/issuing/sign-jwt.ts'

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
/** OpenID CAEP 1.0 section 3.1. */
export const SESSION_REVOKED: string = `${CAEP}session-revoked`
/** OpenID CAEP 1.0 section 3.3. */
export const CREDENTIAL_CHANGE: string = `${CAEP}credential-change`
/** OpenID Shared Signals Framework 1.0 section 8.1.4. */
export const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification'

/** Events that are transmitted. */
export const TRANSMITTED: readonly string[] = [SESSION_REVOKED, CREDENTIAL_CHANGE]

/** What a security event token is made of. */
export interface SecurityEvent {
  readonly type: string
  /** RFC 9493. */
  readonly subject: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>
}

/** The security event that a line for doors is; `undefined` for what is none. */
export function toSecurityEvent({ action, at, event }: DoorEvent, own: string): SecurityEvent | undefined {
  if (action !== 'revoke') return undefined
  const members = { event_timestamp: Math.floor(at / 1000), initiating_entity: 'policy' }
  const revoked = (subject: SecurityEvent['subject']): SecurityEvent => ({ type: SESSION_REVOKED, subject, members })
  switch (event.type) {
    case 'token':
      return revoked({ format: 'jwt_id', iss: event.issuer, jti: event.tokenId })
    case 'user':
      return revoked({ format: 'iss_sub', iss: event.issuer, sub: event.subject })
    case 'agent':
      return revoked({ format: 'iss_sub', iss: own, sub: event.agentId })
    case 'chain':
      return revoked({ format: 'opaque', id: `txn ${event.transaction}` })
    case 'key': {
      const change = { credential_type: 'agent-key', change_type: 'revoke' }
      const subject = { format: 'opaque', id: `jkt ${event.thumbprint}` }
      return { type: CREDENTIAL_CHANGE, subject, members: { ...members, ...change } }
    }
  }
}

/** Signs a security event token (RFC 8417): without `sub` and `exp`, with the subject beside the event. */
export function signSecurityEvent(
  keys: TokenKeys,
  { type, subject, members }: SecurityEvent,
  about: { readonly issuer: string; readonly audience: string; readonly id: string; readonly nowMs: number },
): Promise<string> {
  const { issuer: iss, audience: aud, id: jti, nowMs } = about
  const claims = {
    iss,
    aud,
    jti,
    iat: Math.floor(nowMs / 1000),
    sub_id: { ...subject },
    events: { [type]: { ...members } },
  }
  return signJwt(keys, 'secevent+jwt', claims)
}
