import { createHash } from 'node:crypto'
import { type AgentKey, importPublicKey } from '@countermark/core'
import {
  canonicalJson,
  decodeBase64url,
  isJsonObject,
  type JsonObject,
  type KeyMaterial,
  nodeVerifier,
  ownMember,
  parseStrictJson,
  type SignatureAlgorithm,
} from '@countermark/core/internal'
import { BundleRefused } from './bundle-refused.ts'

/** Whose bundles count. */
export interface BundleVerification {
  /** Public keys by their names, PEM or JWK. */
  readonly keys: Readonly<Record<string, KeyMaterial>>
  /** The `scope` that signatures must have. @default none: a signature with a scope is refused */
  readonly scope?: string
  /** Refuses bundles that were signed before, or that do not say when (`iat`). Unix seconds. @default not looked at */
  readonly notBefore?: number
}

const SIGNATURES = '.signatures.json'
const RULES = { maxDepth: 16, maxMembers: 20_000 }

const ALGORITHMS: ReadonlyMap<unknown, SignatureAlgorithm> = new Map<unknown, SignatureAlgorithm>([
  ['ES256', 'ecdsa-p256-sha256'],
  ['ES384', 'ecdsa-p384-sha384'],
  ['RS256', 'rsa-v1_5-sha256'],
  ['PS512', 'rsa-pss-sha512'],
  ['EdDSA', 'ed25519'],
])

const HASHES: ReadonlyMap<unknown, string> = new Map([
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
])

/**
 * Verifies the signature of a bundle as Open Policy Agent does: one JWT in `.signatures.json` names every file with its hash, and
 * there is no other file. Returns when it was signed, if the signature has `iat`.
 * @throws {@link BundleRefused}
 */
export function verifyBundle(files: ReadonlyMap<string, Buffer>, rules: BundleVerification): number | undefined {
  const payload = verifiedPayload(files.get(SIGNATURES), rules)
  if (ownMember(payload, 'scope') !== rules.scope) throw new BundleRefused('the signature is of another scope')
  const issuedAt = ownMember(payload, 'iat')
  const signedAt = typeof issuedAt === 'number' ? issuedAt : undefined
  if (rules.notBefore !== undefined && !(signedAt !== undefined && signedAt >= rules.notBefore)) {
    throw new BundleRefused('the bundle was signed too long ago, or does not say when')
  }
  requireFiles(files, ownMember(payload, 'files'))
  return signedAt
}

function verifiedPayload(signatures: Buffer | undefined, { keys }: BundleVerification): JsonObject {
  if (signatures === undefined) throw new BundleRefused('the bundle is not signed')
  const tokens = ownMember(parseObject(signatures), 'signatures')
  if (!Array.isArray(tokens) || tokens.length !== 1) throw new BundleRefused('there must be one signature')
  const [header = '', payload = '', signature = '', ...more] = String(tokens[0]).split('.')
  const { alg, kid } = parsePart(header) as { readonly alg?: unknown; readonly kid?: unknown }
  const claims = parsePart(payload)
  const name = kid ?? ownMember(claims, 'keyid')
  const algorithm = ALGORITHMS.get(alg)
  const material = typeof name === 'string' && Object.hasOwn(keys, name) ? keys[name] : undefined
  if (algorithm === undefined || material === undefined || more.length > 0) {
    throw new BundleRefused('the key or the algorithm of the signature is not known')
  }
  const key = importFor(material, algorithm)
  const bytes = decodeBase64url(signature)
  if (bytes === undefined || !nodeVerifier.verify(key, Buffer.from(`${header}.${payload}`), bytes)) {
    throw new BundleRefused('the signature does not verify')
  }
  return claims
}

/** A key of the release process: it belongs to no agent. */
const SIGNER: Omit<AgentKey, 'publicKey' | 'thumbprint' | 'algorithm' | 'rawPublicKey'> = {
  ...({ agent: { id: 'bundle', state: 'active' }, keyId: 'bundle', state: 'active' } as const),
  ...{ notBefore: undefined, notAfter: undefined, schemes: undefined },
}

function importFor(material: KeyMaterial, algorithm: SignatureAlgorithm): AgentKey {
  try {
    return { ...SIGNER, ...importPublicKey(material, { algorithm }) }
  } catch (cause) {
    throw new BundleRefused('the key does not fit the algorithm of the signature', cause)
  }
}

function requireFiles(files: ReadonlyMap<string, Buffer>, listed: unknown): void {
  if (!Array.isArray(listed)) throw new BundleRefused('the signature names no files')
  const left = new Set(files.keys())
  left.delete(SIGNATURES)
  for (const entry of listed) {
    const { name, hash, algorithm } = isJsonObject(entry) ? entry : {}
    const path = String(name).replace(/^\/+/, '')
    const content = files.get(path)
    const hashing = HASHES.get(algorithm)
    if (content === undefined || hashing === undefined || !left.delete(path)) {
      throw new BundleRefused('the signature names a file that is not there, or a hash that is not taken')
    }
    if (digest(path, content, hashing) !== hash) throw new BundleRefused(`${path} is not what was signed`)
  }
  if (left.size > 0) throw new BundleRefused('the bundle has a file that was not signed')
}

const STRUCTURED = /(?:^|\/)(?:data\.json|\.manifest)$/

/** Of JSON the hash is over its canonical text, so that white space does not matter; of everything else over its bytes. */
function digest(path: string, content: Buffer, hashing: string): string {
  const text = STRUCTURED.test(path) ? canonicalJson(parseAny(content)) : content
  return createHash(hashing).update(text).digest('hex')
}

function parsePart(part: string): JsonObject {
  const bytes = decodeBase64url(part)
  if (bytes === undefined) throw new BundleRefused('the signature is malformed')
  return parseObject(bytes)
}

/** An object out of a file of a bundle. @throws {@link BundleRefused} */
export function parseObject(bytes: Uint8Array): JsonObject {
  const value = parseAny(bytes)
  if (isJsonObject(value)) return value
  throw new BundleRefused('a file of the bundle is no object')
}

function parseAny(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes, RULES)
  } catch (cause) {
    throw new BundleRefused('a file of the bundle is not JSON that every parser reads alike', cause)
  }
}
