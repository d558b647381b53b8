import { type Environment, isRefusal } from '@countermark/core'
import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import {
  createJwsKey,
  type IssuerSettings,
  isTime,
  parseCompactJws,
  toJoseAlgorithm,
} from '@countermark/delegation/internal'
import { SESSION_REVOKED } from '../events/security-event.ts'
import type { Revoked } from '../stop/door-events.ts'

/** Why a security event token is refused (RFC 8935 section 2.4). */
export type ReceptionError =
  | 'invalid_request'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed'

/** Leaves as 400 with its code. */
export class ReceptionRefused extends Error {
  override readonly name = 'ReceptionRefused'
  readonly code: ReceptionError

  constructor(code: ReceptionError, message: string) {
    super(message)
    this.code = code
  }
}

/** What another organisation says has ended. */
export interface ReceivedEvent {
  readonly id: string
  readonly types: readonly string[]
  /** By the names of its own issuer: nobody ends what is another's. */
  readonly ended: readonly Revoked[]
  /** Users of its issuer, by its names. */
  readonly users: readonly string[]
}

const RISC = 'https://schemas.openid.net/secevent/risc/event-type/'
/** What ends sessions; of other events nothing follows. */
const ENDING: ReadonlySet<string> = new Set([
  SESSION_REVOKED,
  ...['account-disabled', 'account-purged', 'sessions-revoked', 'credential-compromise'].map((name) => RISC + name),
])
const RULES = { maxLength: 16_384, code: 'token_malformed', noun: 'security event' } as const
const DAY_SECONDS = 86_400
const SKEW_SECONDS = 60

/** A token as it is sent, read and not verified. @throws ReceptionRefused */
export function openSecurityEvent(text: string): ReturnType<typeof parseCompactJws> {
  try {
    const jws = parseCompactJws(text, RULES)
    if (jws.type === 'secevent+jwt') return jws
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new ReceptionRefused('invalid_request', error.message)
  }
  throw new ReceptionRefused('invalid_request', 'expected a token of type secevent+jwt (RFC 8417 section 2.3)')
}

/**
 * Verifies it, and reads what it ends.
 * @throws ReceptionRefused, Unavailable `key_source_unavailable`
 */
export async function verifySecurityEvent(
  jws: ReturnType<typeof parseCompactJws>,
  { settings, own, environment }: { settings: IssuerSettings; own: string; environment: Environment },
): Promise<ReceivedEvent> {
  const algorithm = toJoseAlgorithm(jws.algorithm)
  if (algorithm === undefined || !settings.algorithms.includes(algorithm))
    throw new ReceptionRefused('invalid_key', 'the algorithm is none that the issuer signs with')
  const key = await settings.keys.find({ keyId: jws.keyId, algorithm }, environment)
  if (key === undefined) throw new ReceptionRefused('invalid_key', 'the issuer has no such key')
  if (!createJwsKey(algorithm, key).verifies(jws, environment))
    throw new ReceptionRefused('authentication_failed', 'the signature does not hold')
  const { claims } = jws
  if (![ownMember(claims, 'aud')].flat().includes(own))
    throw new ReceptionRefused('invalid_audience', 'aud must name this authority')
  const [id, issuedAt, events] = ['jti', 'iat', 'events'].map((name) => ownMember(claims, name))
  const now = environment.clock.wallMs() / 1000
  const isNow = isTime(issuedAt) && issuedAt <= now + SKEW_SECONDS && issuedAt > now - DAY_SECONDS
  const isToken = ['sub', 'exp'].some((name) => ownMember(claims, name) !== undefined)
  if (typeof id !== 'string' || id === '' || !isNow || isToken || !isJsonObject(events))
    throw new ReceptionRefused('invalid_request', 'expected jti, iat of the last day and events, without sub and exp')
  const types = Object.keys(events)
  const subject = ownMember(claims, 'sub_id')
  const isEnding = types.some((type) => ENDING.has(type)) && isJsonObject(subject)
  return { id, types, ...(isEnding ? endedBy(subject, settings.issuer, Math.min(issuedAt, now)) : NOTHING) }
}

const NOTHING = { ended: [], users: [] } as const

/** What is named must be the issuer's own. */
function endedBy(subject: JsonObject, issuer: string, atSeconds: number): Pick<ReceivedEvent, 'ended' | 'users'> {
  const [format, iss, jti, sub] = ['format', 'iss', 'jti', 'sub'].map((name) => ownMember(subject, name))
  if (iss !== issuer) return NOTHING
  if (format === 'jwt_id' && typeof jti === 'string')
    return { ended: [{ type: 'token', issuer, tokenId: jti }], users: [] }
  if (format !== 'iss_sub' || typeof sub !== 'string') return NOTHING
  return { ended: [{ type: 'user', issuer, subject: sub, issuedBefore: Math.floor(atSeconds) }], users: [sub] }
}
