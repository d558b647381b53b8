import { Refusal } from '@countermark/core'
import type { IpNetworks } from './ip-networks.ts'
import { type KeyBinding, readKeyBinding } from './key-binding.ts'
import { type JsonObject, ownMember } from './strict-json.ts'
import { readAuthorizationDetails, readText, requireText } from './token-claims.ts'
import { readNetworks } from './token-networks.ts'
import { isTime, type TokenTimes } from './token-times.ts'

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
