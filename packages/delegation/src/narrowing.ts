import { Refusal } from '@countermark/core'
import type { LinkClaims } from './link-claims.ts'
import { isJsonObject, type JsonObject, ownMember } from './strict-json.ts'
import type { VerifiedToken } from './verified-token.ts'
import type { Holding, LinkRules } from './verify-links.ts'

/** How far the clocks of two agents may be apart. Seconds. */
const SKEW_SECONDS = 30

/**
 * Refuses a link that allows more than the piece before it: in hands, scope, audience, time or depth. Constraints are not
 * compared: those of every link stand, and all of them must allow.
 * @throws {@link Refusal} `chain_invalid`, `token_audience`
 */
export function requireNarrower(link: LinkClaims, { token, depthLeft }: Holding, rules: LinkRules): void {
  const { delegation, binding, times } = token
  const last = times.at(-1)
  if (link.from !== delegation.actor.id) throw wider('is not signed by the agent that the piece before it names')
  if ('thumbprint' in binding && link.binding.thumbprint === binding.thumbprint) throw wider('hands on to its own key')
  if (depthLeft < 1) throw wider('hands on what may not be handed on any further')
  if (!link.scopes.every((wanted) => isGranted(wanted, delegation.scopes, rules))) {
    throw wider('hands on scopes that were not granted')
  }
  if (last === undefined || !(link.times.expiresAt <= last.expiresAt)) throw wider('ends after the piece before it')
  if (!(link.times.issuedAt >= last.issuedAt - SKEW_SECONDS)) throw wider('is older than the piece before it')
  requireAudience(link.audiences, delegation.audiences, token.issuer.audiences ?? rules.audiences)
}

/** How often a token may be handed on: the least of what it says, as a claim or as a constraint (profile section 16.3). */
export function statedDepth({ delegation }: VerifiedToken, unlessStated: number): number {
  const stated = [...depthOf(delegation.claims), ...depthOfDetails(delegation.authorizationDetails.flat())]
  return stated.length === 0 ? unlessStated : Math.min(...stated)
}

/** The depths that constraints state. */
export function depthOfDetails(details: readonly JsonObject[]): readonly number[] {
  return details
    .map((detail) => ownMember(detail, 'constraints'))
    .filter(isJsonObject)
    .flatMap(depthOf)
}

function depthOf(holder: JsonObject): readonly number[] {
  const depth = ownMember(holder, 'max_depth')
  if (depth === undefined) return []
  // What is no whole number is no permission.
  return typeof depth === 'number' && Number.isInteger(depth) && depth >= 0 ? [depth] : [0]
}

function isGranted(wanted: string, granted: readonly string[], { coversScope }: LinkRules): boolean {
  return granted.some((scope) => coversScope(scope, wanted) === true)
}

function requireAudience(
  audiences: readonly string[] | undefined,
  before: readonly string[],
  ours: readonly string[],
): void {
  if (audiences === undefined) return
  if (before.length > 0 && !audiences.every((audience) => before.includes(audience))) {
    throw wider('names an audience that the piece before it does not')
  }
  if (audiences.some((audience) => ours.includes(audience))) return
  throw new Refusal('token_audience', 'what was handed on must be meant for this service')
}

function wider(why: string): Refusal {
  return new Refusal('chain_invalid', `the link ${why}`)
}
