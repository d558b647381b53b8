import { importPublicKey, isRefusal } from '@countermark/core'
import {
  type ImportedKey,
  type ImportPublicKey,
  isJsonObject,
  isKeyId,
  type JsonObject,
  ownMember,
} from '@countermark/core/internal'
import { OutboundError } from '@countermark/outbound'
import { fitsKey, type JoseAlgorithm, toJoseAlgorithm } from '../token/jose-algorithm.ts'

/** A key that an issuer publishes, fit for use. */
export interface IssuerKey extends ImportedKey {
  readonly keyId: string | undefined
  /** The algorithm that this entry is used with (RFC 8725 section 3.1). */
  readonly joseAlgorithm: JoseAlgorithm
}

/** Which key is asked for. */
export interface IssuerKeyQuery {
  /** Without one, the issuer's only key for the algorithm is meant. */
  readonly keyId: string | undefined
  readonly algorithm: JoseAlgorithm
}

/** The keys of one issuer at one time. */
export interface IssuerKeySet {
  /** `undefined` when there is none, or more than one: a guess which was meant may be wrong. */
  readonly find: (query: IssuerKeyQuery) => IssuerKey | undefined
  /** Keys times the algorithms each is used with. */
  readonly size: number
  /** Entries that cannot be used. */
  readonly refused: number
  /** Equal for sets that say the same. */
  readonly fingerprint: string
}

/** How a set is read. */
export interface IssuerKeyRules {
  /** What the issuer may sign with. A key that does not say is used with each of them that fits its type. */
  readonly algorithms: readonly JoseAlgorithm[]
  readonly allowTestKeys: boolean
  /** One that remembers, for sets that are fetched again and again. @default none is remembered */
  readonly importKey?: ImportPublicKey
}

/** Keys that one set may hold. */
export const MAX_KEYS = 50

/**
 * Reads a JWK Set (RFC 7517 section 5). A key that cannot be used is counted and left out: it must not take its neighbours
 * along.
 * @throws OutboundError `malformed`, `too_large`
 */
export function parseKeySet(value: unknown, rules: IssuerKeyRules): IssuerKeySet {
  const entries = isJsonObject(value) ? ownMember(value, 'keys') : undefined
  if (!Array.isArray(entries)) throw new OutboundError('malformed', 'expected { "keys": [ … ] }')
  if (entries.length > MAX_KEYS) throw new OutboundError('too_large', `the set holds over ${MAX_KEYS} keys`)
  const read = entries.map((entry) => readIssuerKey(entry, rules))
  return createIssuerKeySet(read.flat(), read.filter((keys) => keys.length === 0).length)
}

function createIssuerKeySet(keys: readonly IssuerKey[], refused: number): IssuerKeySet {
  // Two keys under one name: neither is found.
  const index = new Map<string, IssuerKey | undefined>()
  const add = (name: string, key: IssuerKey): void => {
    const known = index.get(name)
    const isOnly = !index.has(name) || known?.thumbprint === key.thumbprint
    index.set(name, isOnly ? key : undefined)
  }
  for (const key of keys) {
    add(key.joseAlgorithm, key)
    if (key.keyId !== undefined) add(`${key.joseAlgorithm} ${key.keyId}`, key)
  }
  const stated = keys.map(({ keyId, thumbprint, joseAlgorithm }) => [keyId, thumbprint, joseAlgorithm])
  return {
    find: ({ keyId, algorithm }) => index.get(keyId === undefined ? algorithm : `${algorithm} ${keyId}`),
    size: keys.length,
    refused,
    fingerprint: JSON.stringify(stated),
  }
}

/** The same key once for each algorithm that it is used with; none when it cannot be used. */
function readIssuerKey(entry: unknown, rules: IssuerKeyRules): readonly IssuerKey[] {
  if (!isJsonObject(entry)) return []
  const { alg, ...material } = entry
  const keyId = ownMember(entry, 'kid')
  if (!(keyId === undefined || (typeof keyId === 'string' && isKeyId(keyId)))) return []
  const imported = tryToImport(material, rules)
  if (imported === undefined) return []
  return algorithmsOf(imported, alg, rules).map((joseAlgorithm) => Object.freeze({ ...imported, keyId, joseAlgorithm }))
}

function tryToImport(
  material: JsonObject,
  { allowTestKeys, importKey = importPublicKey }: IssuerKeyRules,
): ImportedKey | undefined {
  try {
    return importKey(material, { allowTestKeys })
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw error
  }
}

/**
 * What the key itself says goes; otherwise every algorithm of the issuer's list that fits its type, never what the token alone
 * says (RFC 8725 section 3.1). `alg` is optional in a JWK (RFC 7517 section 4.4).
 */
function algorithmsOf(key: ImportedKey, stated: unknown, { algorithms }: IssuerKeyRules): readonly JoseAlgorithm[] {
  // Directories of agents write it as RFC 9421 does.
  const name = stated === 'ed25519' ? 'EdDSA' : stated
  const named = name === undefined ? undefined : toJoseAlgorithm(name)
  if (name !== undefined && (named === undefined || !algorithms.includes(named))) return []
  return [named ?? algorithms].flat().filter((algorithm) => fitsKey(algorithm, key.publicKey))
}
