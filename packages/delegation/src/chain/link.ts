import { Refusal } from '@countermark/core'
import { type IpNetworks, isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import { type KeyBinding, readKeyBinding } from '../binding/confirmation.ts'
import {
  isTime,
  readAuthorizationDetails,
  readNetworks,
  readText,
  requireText,
  type TokenTimes,
} from '../token/claims.ts'
import type { VerifiedToken } from '../token/verified-token.ts'
import type { Holding, LinkRules } from './verify-links.ts'

/** What a link says: who hands what on to whom. */
export interface LinkClaims {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly previousHash: string
  readonly binding: Extract<KeyBinding, { readonly thumbprint: string }>
  readonly scopes: readonly string[]
  /** `undefined`: those of the piece before. */
  readonly audiences: readonly string[] | undefined
  readonly authorizationDetails: readonly JsonObject[] | undefined
  readonly times: TokenTimes
  /** How often the receiver may hand it on; infinite when the link does not say. */
  readonly maxDepth: number
  readonly networks: IpNetworks | undefined
}

/** A claim that is not understood might restrict something. */
const CLAIMS: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'cnf', 'prv', 'scope', 'iat', 'nbf', 'exp', 'jti'],
  ...['aud', 'authorization_details', 'max_depth', 'restrictip'],
])

/**
 * Reads the claims of a link whose signature holds.
 * @throws {@link Refusal} `chain_invalid`, and those that the same claims of a token get
 */
export function readLinkClaims(claims: JsonObject, allowTestKeys: boolean): LinkClaims {
  const unknown = Object.keys(claims).filter((name) => !CLAIMS.has(name))
  if (unknown.length > 0) throw invalid('has a claim that is not understood')
  const binding = readKeyBinding(claims, allowTestKeys)
  if (!('thumbprint' in binding)) throw invalid("must be bound to the receiver's key by jwk, kid or jkt")
  const audiences = readAudiences(claims)
  return {
    id: requireText(claims, 'jti'),
    from: requireText(claims, 'iss'),
    to: requireText(claims, 'sub'),
    previousHash: requireText(claims, 'prv'),
    binding,
    scopes: readScopes(claims),
    audiences,
    authorizationDetails: readAuthorizationDetails(claims),
    times: readTimes(claims),
    maxDepth: readDepth(claims),
    networks: readNetworks(claims),
  }
}

function readTimes(claims: JsonObject): TokenTimes {
  const [issuedAt, expiresAt, notBefore] = ['iat', 'exp', 'nbf'].map((name) => ownMember(claims, name))
  if (!isTime(issuedAt) || !isTime(expiresAt)) throw invalid('must have the times iat and exp')
  if (!(notBefore === undefined || isTime(notBefore))) throw invalid('has an nbf that is no time')
  return { issuedAt, expiresAt, notBefore }
}

function readScopes(claims: JsonObject): readonly string[] {
  const scope = ownMember(claims, 'scope')
  if (typeof scope !== 'string') throw invalid('must say by scope what is handed on')
  return Object.freeze([...new Set(scope.split(' ').filter((word) => word !== ''))])
}

function readAudiences(claims: JsonObject): readonly string[] | undefined {
  if (!Object.hasOwn(claims, 'aud')) return undefined
  const audience = ownMember(claims, 'aud')
  if (!Array.isArray(audience)) return Object.freeze([readText(claims, 'aud') ?? ''])
  const audiences: readonly unknown[] = audience
  if (!audiences.every((name) => typeof name === 'string')) throw invalid('has an aud that holds no strings')
  return Object.freeze([...audiences])
}

function readDepth(claims: JsonObject): number {
  const depth = ownMember(claims, 'max_depth')
  if (depth === undefined) return Number.POSITIVE_INFINITY
  if (typeof depth === 'number' && Number.isInteger(depth) && depth >= 0) return depth
  throw invalid('has a max_depth that is no whole number')
}

function invalid(why: string): Refusal {
  return new Refusal('chain_invalid', `the link ${why}`)
}

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
