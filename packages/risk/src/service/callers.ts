import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Misconfigured, Refusal } from '@countermark/core'
import { requireObject, requireStrings, requireWord } from '@countermark/core/internal'

/** What a caller may do: ask for scores, hand in events, read standings, decide as a reviewer. */
export type RiskRole = 'scores' | 'events' | 'read' | 'reviews'

/** All roles. */
export const RISK_ROLES: readonly RiskRole[] = ['scores', 'events', 'read', 'reviews']

/** Who calls the service. */
export interface RiskServiceCaller {
  /** The name under which decisions are recorded. */
  readonly name: string
  /** What it may do. */
  readonly may: readonly RiskRole[]
}

/** A caller that shows a token. */
export interface RiskServiceToken extends RiskServiceCaller {
  /** At least 16 characters, of which others know none. */
  readonly token: string
}

/** Finds who calls; `undefined` for a stranger. Such as a guard in front that has proven the agent. */
export type FindCaller = (
  message: IncomingMessage,
) => RiskServiceCaller | undefined | Promise<RiskServiceCaller | undefined>

const SHORTEST_TOKEN = 16
const BEARER = /^Bearer ([\w.~+/-]{1,512}=*)$/i

/**
 * Finds callers by their tokens (RFC 6750 section 2.1). Tokens are compared by their hashes: time tells nothing of them.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function callersByToken(tokens: readonly RiskServiceToken[]): FindCaller {
  if (tokens.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'tokens must name who may call, or authenticate must find out')
  }
  const byHash = new Map<string, RiskServiceCaller>()
  for (const given of tokens) {
    const { name, token, may } = requireToken(given)
    if (byHash.has(hashOf(token))) throw invalid('tokens must differ from each other')
    byHash.set(hashOf(token), { name, may })
  }
  return ({ headers }) => {
    const match = BEARER.exec(headers.authorization ?? '')
    if (match === null) throw new Refusal('credentials_missing', 'expected "Authorization: Bearer <token>"')
    return byHash.get(hashOf(match[1] ?? ''))
  }
}

function requireToken(given: RiskServiceToken): RiskServiceToken {
  requireObject('tokens', given, ['name', 'token', 'may'])
  const { name, token, may } = given
  if (typeof name !== 'string' || name === '') throw invalid('tokens need a name each')
  if (typeof token !== 'string' || token.length < SHORTEST_TOKEN) {
    throw invalid(`the token of ${name} must have at least ${SHORTEST_TOKEN} characters`)
  }
  for (const role of requireStrings('tokens.may', may)) requireWord('tokens.may', role, RISK_ROLES)
  return given
}

/** @throws Refusal `credentials_missing`, `api_key_unknown`, `role_missing` */
export async function requireCaller(
  find: FindCaller,
  message: IncomingMessage,
  role: RiskRole,
): Promise<RiskServiceCaller> {
  const caller = await find(message)
  if (caller === undefined) throw new Refusal('api_key_unknown', 'this token is none of those that may call')
  if (!caller.may.includes(role)) throw new Refusal('role_missing', `this needs the role ${role}`)
  return caller
}

function hashOf(token: string): string {
  return hash('sha256', token)
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
