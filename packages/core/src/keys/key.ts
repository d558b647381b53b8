import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'
import type { Scheme } from '../credential-scheme.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { Measured } from '../seams/metric-row.ts'

/** What a registry knows of an agent beyond its keys. */
export interface AgentRecord {
  /** The id of the agent: `agt_7f2k9x`. */
  readonly id: string
  /** What kind of agent it is, in the words of the registry. */
  readonly type?: string
  /** Its version, in the words of the registry. */
  readonly version?: string
  /** Who answers for it. */
  readonly owner?: string
  /** Scopes that it has at most. */
  readonly capabilities?: readonly string[]
  /** Limits of everything that the agent does; what a check of capabilities does not understand, it refuses. */
  readonly constraints?: Readonly<Record<string, unknown>>
  /** Only an active agent is let in. */
  readonly state: 'active' | 'suspended' | 'retired'
}

/** A public key that passed {@link importPublicKey}, with the agent it belongs to. */
export interface AgentKey {
  /** To whom it belongs. */
  readonly agent: AgentRecord
  /** The name the source gives the key; any string of at most 256 printable characters. */
  readonly keyId: string
  /** JWK SHA-256 thumbprint, base64url (RFC 7638). */
  readonly thumbprint: string
  /** What it signs with; the request does not choose. */
  readonly algorithm: SignatureAlgorithm
  /** The key itself. */
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

/** Checks signatures over bytes. Registry and guards must share one: libraries disagree on edge cases (RFC 8032 section 8.8). */
export interface SignatureVerifier extends Measured {
  /** A closed word for metrics, such as `node` or `sodium`. */
  readonly name: string
  /** Whether the signature is that of the key over the data. */
  readonly verify: (key: AgentKey, data: Uint8Array, signature: Uint8Array) => boolean
  /** The same on the thread pool. */
  readonly verifyInThreadPool: (key: AgentKey, data: Uint8Array, signature: Uint8Array) => Promise<boolean>
}

/** The digest goes to `verify` itself; what is left goes with the key. */
interface NodeParameters {
  readonly digest: string | null
  readonly withKey: Omit<VerifyKeyObjectInput, 'key'> | undefined
}

const PARAMETERS: Readonly<Record<SignatureAlgorithm, NodeParameters>> = {
  ed25519: { digest: null, withKey: undefined },
  'ecdsa-p256-sha256': { digest: 'sha256', withKey: { dsaEncoding: 'ieee-p1363' } },
  'ecdsa-p384-sha384': { digest: 'sha384', withKey: { dsaEncoding: 'ieee-p1363' } },
  'rsa-pss-sha512': { digest: 'sha512', withKey: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 } },
  'rsa-v1_5-sha256': { digest: 'sha256', withKey: { padding: constants.RSA_PKCS1_PADDING } },
}

/** Verification by `node:crypto` (RFC 9421 section 3.3). */
export const nodeVerifier: SignatureVerifier = {
  name: 'node',
  verify: ({ algorithm, publicKey }, data, signature) => {
    if (!mayHold(algorithm, signature)) return false
    const { digest, withKey } = PARAMETERS[algorithm]
    return verify(digest, data, withKey === undefined ? publicKey : { key: publicKey, ...withKey }, signature)
  },
  verifyInThreadPool: ({ algorithm, publicKey }, data, signature) => {
    if (!mayHold(algorithm, signature)) return Promise.resolve(false)
    const { digest, withKey } = PARAMETERS[algorithm]
    const key = withKey === undefined ? publicKey : { key: publicKey, ...withKey }
    return new Promise((resolve, reject) => {
      verify(digest, data, key, signature, (error, valid) => (error ? reject(error) : resolve(valid)))
    })
  },
}

/** Whether a signature has the only length its algorithm allows. */
export function hasSignatureLength(algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  const length = SIGNATURE_LENGTH[algorithm]
  return length === undefined ? signature.length > 0 : signature.length === length
}

/**
 * Libraries disagree about an Ed25519 signature whose R has small order, which no honest signer makes (RFC 8032 section
 * 8.8). All of ours refuse it, so that the choice of a verifier decides nothing.
 */
function mayHold(algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  if (!hasSignatureLength(algorithm, signature)) return false
  return algorithm !== 'ed25519' || !isSmallOrder(signature)
}

/**
 * The encodings, canonical or not, of the eight points of small order, as hex without the sign bit. Under such a key a
 * signature can be made without any private key (RFC 8032 leaves their refusal to the application).
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

const FIRST_BYTES: ReadonlySet<number> = new Set([...SMALL_ORDER].map((hex) => Number.parseInt(hex.slice(0, 2), 16)))

/** Whether 32 bytes, those behind are not looked at, encode a point of small order in any of its 14 encodings. */
export function isSmallOrder(point: Uint8Array): boolean {
  // Asked for each signature: the first byte alone settles nearly all of them.
  return FIRST_BYTES.has(point[0] ?? -1) && SMALL_ORDER.has(hexWithoutSign(point))
}

function hexWithoutSign(point: Uint8Array): string {
  const bytes = Buffer.from(point.subarray(0, 32))
  bytes[31] = (bytes[31] as number) & 0x7f
  return bytes.toString('hex')
}
