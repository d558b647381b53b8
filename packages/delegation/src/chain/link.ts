import { type KeySource, Refusal } from '@countermark/core'
import { type IpNetworks, isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import { type Confirmation, parseConfirmation } from '../binding/confirmation.ts'
import {
  parseAuthorizationDetails,
  parseNetworks,
  parseTimes,
  requireText,
  scopesOf,
  type TokenTimes,
} from '../token/claims.ts'
import { isText } from '../token/jws.ts'
import type { VerifiedToken } from '../token/verified-token.ts'

/** How links are verified that agents sign themselves. */
export interface LinkRules {
  /** Whether one granted scope covers one that is handed on. */
  readonly coversScope: (granted: string, wanted: string) => boolean
  /** How often a token that does not say so may be handed on. */
  readonly maxLinksUnlessStated: number
  readonly audiences: readonly string[]
  /** Most actors, those of the token and of all links together. */
  readonly maxDepth: number
  /** Knows the keys of agents whose token names only the thumbprint. */
  readonly agents: KeySource | undefined
  readonly allowTestKeys: boolean
}

/** What one agent was given, before it hands it on. */
export interface Grant {
  readonly token: VerifiedToken
  /** How often it may still be handed on. */
  readonly depthLeft: number
}

/** What a link says: who grants what to whom. */
export interface LinkClaims {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly previousHash: string
  readonly binding: Extract<Confirmation, { readonly thumbprint: string }>
  readonly scopes: readonly string[]
  /** `undefined`: those of what it hands on. */
  readonly audiences: readonly string[] | undefined
  readonly authorizationDetails: readonly JsonObject[] | undefined
  readonly times: TokenTimes
  /** How often the receiver may hand it on; infinite when the link does not say. */
  readonly maxDepth: number
  readonly networks: IpNetworks | undefined
}

/** Sets links apart from the token and from each other; base64url has no such character. */
export const SEPARATOR = '~'

/** The media type of a link. */
export const LINK_TYPE = 'delegation-link+jwt'

/** A claim that is not understood might restrict something. */
const CLAIMS: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'cnf', 'prv', 'scope', 'iat', 'nbf', 'exp', 'jti'],
  ...['aud', 'authorization_details', 'max_depth', 'restrictip'],
])

/**
 * Reads the claims of a link whose signature holds.
 * @throws {@link Refusal} `chain_invalid`, and those that the same claims of a token get
 */
export function parseLinkClaims(claims: JsonObject, allowTestKeys: boolean): LinkClaims {
  if (!Object.keys(claims).every((name) => CLAIMS.has(name))) throw invalid('has a claim that is not understood')
  const binding = parseConfirmation(claims, allowTestKeys)
  if (!('thumbprint' in binding)) throw invalid("must be bound to the receiver's key by jwk, kid or jkt")
  const scope = ownMember(claims, 'scope')
  if (typeof scope !== 'string') throw invalid('must say by scope what is handed on')
  const depth = ownMember(claims, 'max_depth')
  if (!(depth === undefined || isDepth(depth))) throw invalid('has a max_depth that is no whole number')
  return {
    id: requireText(claims, 'jti'),
    from: requireText(claims, 'iss'),
    to: requireText(claims, 'sub'),
    previousHash: requireText(claims, 'prv'),
    binding,
    scopes: scopesOf(scope.split(' ')),
    audiences: Object.hasOwn(claims, 'aud') ? parseAudiences(ownMember(claims, 'aud')) : undefined,
    authorizationDetails: parseAuthorizationDetails(claims),
    times: parseTimes(claims, invalid),
    maxDepth: depth ?? Number.POSITIVE_INFINITY,
    networks: parseNetworks(claims),
  }
}

function parseAudiences(stated: unknown): readonly string[] {
  const audiences: readonly unknown[] = Array.isArray(stated) ? stated : [stated]
  if (!audiences.every(isText)) throw invalid('has an aud that holds no strings')
  return Object.freeze([...audiences])
}

function isDepth(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}

/** How far the clocks of two agents may be apart. Seconds. */
const SKEW_SECONDS = 30

/**
 * Refuses a link that allows more than the grant it hands on: in actors, scope, audience, time or depth. Constraints are not
 * compared: those of every link stand, and all of them must allow.
 * @throws {@link Refusal} `chain_invalid`, `token_audience`
 */
export function requireNarrower(link: LinkClaims, { token, depthLeft }: Grant, rules: LinkRules): void {
  const { delegation, binding, times } = token
  const last = times.at(-1)
  if (link.from !== delegation.actor.id) throw invalid('is not signed by the agent that was granted what it hands on')
  if ('thumbprint' in binding && link.binding.thumbprint === binding.thumbprint) throw invalid('names its own key')
  if (depthLeft < 1) throw invalid('hands on what may not be handed on any further')
  const isGranted = (wanted: string): boolean =>
    delegation.scopes.some((scope) => rules.coversScope(scope, wanted) === true)
  if (!link.scopes.every(isGranted)) throw invalid('hands on scopes that were not granted')
  if (last === undefined || !(link.times.expiresAt <= last.expiresAt)) throw invalid('ends after what it hands on')
  if (!(link.times.issuedAt >= last.issuedAt - SKEW_SECONDS)) throw invalid('is older than what it hands on')
  requireAudience(link.audiences, delegation.audiences, token.issuer.audiences ?? rules.audiences)
}

function requireAudience(
  audiences: readonly string[] | undefined,
  granted: readonly string[],
  ours: readonly string[],
): void {
  if (audiences === undefined) return
  if (granted.length > 0 && !audiences.every((audience) => granted.includes(audience))) {
    throw invalid('names an audience that was not granted')
  }
  if (audiences.some((audience) => ours.includes(audience))) return
  throw new Refusal('token_audience', 'what was handed on must be meant for this service')
}

/** How often a token may be handed on: the least of what it says, as a claim or as a constraint (profile section 16.3). */
export function statedDepth({ delegation }: VerifiedToken, unlessStated: number): number {
  const stated = [...depthOf(delegation.claims), ...depthsOfDetails(delegation.authorizationDetails.flat())]
  return stated.length === 0 ? unlessStated : Math.min(...stated)
}

/** The depths that constraints state. */
export function depthsOfDetails(details: readonly JsonObject[]): readonly number[] {
  const constraints = details.map((detail) => ownMember(detail, 'constraints'))
  return constraints.filter(isJsonObject).flatMap(depthOf)
}

function depthOf(holder: JsonObject): readonly number[] {
  const depth = ownMember(holder, 'max_depth')
  if (depth === undefined) return []
  // What is no whole number is no permission.
  return isDepth(depth) ? [depth] : [0]
}

function invalid(why: string): Refusal {
  return new Refusal('chain_invalid', `the link ${why}`)
}
