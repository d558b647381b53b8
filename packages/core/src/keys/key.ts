import type { KeyObject } from 'node:crypto'
import type { Scheme } from '../credential-scheme.ts'
import { Refusal } from '../refusal/refusal.ts'

/** What a registry knows of an agent beyond its keys. */
export interface AgentRecord {
  readonly id: string
  readonly type?: string
  readonly version?: string
  readonly owner?: string
  readonly capabilities?: readonly string[]
  /** Limits of everything that the agent does; what a check of capabilities does not understand, it refuses. */
  readonly constraints?: Readonly<Record<string, unknown>>
  readonly state: 'active' | 'suspended' | 'retired'
}

/** A public key that passed {@link importPublicKey}, with the agent it belongs to. */
export interface AgentKey {
  readonly agent: AgentRecord
  /** The name the source gives the key; any string of at most 256 printable characters. */
  readonly keyId: string
  /** JWK SHA-256 thumbprint, base64url (RFC 7638). */
  readonly thumbprint: string
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: KeyObject
  /** The 32 raw bytes of an Ed25519 key, for verifiers that take bytes. */
  readonly rawPublicKey: Uint8Array | undefined
  /** Revoked keys stay listed, so that they are refused by name. */
  readonly state: 'active' | 'revoked'
  /** Unix seconds. */
  readonly notBefore: number | undefined
  /** Unix seconds. */
  readonly notAfter: number | undefined
  /** The only schemes this key may be used for. @default every scheme but `simple-v0` */
  readonly schemes: readonly Scheme[] | undefined
}

const AGENT_ID = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/
const KEY_ID = /^[\x20-\x7e]{1,256}$/

/** Whether a string may name an agent: 1 to 128 of `A-Z a-z 0-9 . _ : @ / -`, starting with a letter or digit. */
export function isAgentId(text: string): boolean {
  return AGENT_ID.test(text)
}

/** Whether a string may name a key: 1 to 256 printable ASCII characters. A key id is never a path, a URL to fetch or SQL. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text)
}

/** Algorithm names of the HTTP Signature Algorithms registry (RFC 9421 section 6.2.2). */
export type SignatureAlgorithm =
  | 'ed25519'
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p384-sha384'
  | 'rsa-pss-sha512'
  | 'rsa-v1_5-sha256'

/** What is accepted unless a guard says otherwise. `hmac-sha256` does not exist here: nothing is shared. */
export const DEFAULT_ALGORITHMS: readonly SignatureAlgorithm[] = ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512']

/** Whether a string is a known algorithm name. */
export function isSignatureAlgorithm(name: string): name is SignatureAlgorithm {
  return Object.hasOwn(SIGNATURE_LENGTH, name)
}

/** Exact signature length in bytes; `undefined` where it depends on the key. */
export const SIGNATURE_LENGTH: Readonly<Record<SignatureAlgorithm, number | undefined>> = {
  ed25519: 64,
  'ecdsa-p256-sha256': 64,
  'ecdsa-p384-sha384': 96,
  'rsa-pss-sha512': undefined,
  'rsa-v1_5-sha256': undefined,
}

/** What an agent's key is about to be used for. */
export interface KeyUse {
  /** `undefined` where no agent presents a credential, such as a server's own signature. */
  readonly scheme: Scheme | undefined
  /** Unix milliseconds. */
  readonly nowMs: number
}

/**
 * Whether an agent's key may be used at all, and for this: by its state, its times and its schemes. They hold each time the key
 * is used: for signatures, for proofs of possession, for links that an agent signs.
 * @throws {@link Refusal} `key_revoked`, `key_not_yet_valid`, `key_expired`, `key_invalid`
 */
export function requireUsableKey(key: AgentKey, { scheme, nowMs }: KeyUse): void {
  const nowSeconds = nowMs / 1000
  if (key.state !== 'active') throw new Refusal('key_revoked', 'the key was revoked')
  if (key.notBefore !== undefined && !(key.notBefore <= nowSeconds)) {
    throw new Refusal('key_not_yet_valid', 'the key is not valid yet')
  }
  if (key.notAfter !== undefined && !(nowSeconds <= key.notAfter)) {
    throw new Refusal('key_expired', 'the key is past its end')
  }
  if (scheme !== undefined && !isUsableFor(key, scheme)) {
    throw new Refusal('key_invalid', 'the key may not be used for this form of signature')
  }
}

/** A key for `simple-v0` signs text that strangers choose in part: it is good for nothing else. */
function isUsableFor(key: AgentKey, scheme: Scheme): boolean {
  if (key.schemes === undefined) return scheme !== 'simple-v0'
  if (key.schemes.includes('simple-v0')) return scheme === 'simple-v0' && key.schemes.length === 1
  return key.schemes.includes(scheme)
}
