import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'
import { createRequire } from 'node:module'
import { requireMethods } from '../internal/options.ts'
import type { Measured } from '../seams/metric-row.ts'
import { type AgentKey, SIGNATURE_LENGTH, type SignatureAlgorithm } from './key.ts'
import { isSmallOrder } from './points.ts'

/** Checks signatures over bytes. Registry and guards must share one: libraries disagree on edge cases (RFC 8032 section 8.8). */
export interface SignatureVerifier extends Measured {
  readonly name: string
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
  verify: (key, data, signature) => {
    if (!mayHold(key.algorithm, signature)) return false
    const { digest, withKey } = PARAMETERS[key.algorithm]
    return verify(digest, data, keyInput(key, withKey), signature)
  },
  verifyInThreadPool: (key, data, signature) => {
    if (!mayHold(key.algorithm, signature)) return Promise.resolve(false)
    const { digest, withKey } = PARAMETERS[key.algorithm]
    return new Promise((resolve, reject) => {
      verify(digest, data, keyInput(key, withKey), signature, (error, valid) =>
        error ? reject(error) : resolve(valid),
      )
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
  return (
    hasSignatureLength(algorithm, signature) && !(algorithm === 'ed25519' && isSmallOrder(signature.subarray(0, 32)))
  )
}

function keyInput(key: AgentKey, withKey: NodeParameters['withKey']): KeyObject | VerifyKeyObjectInput {
  return withKey === undefined ? key.publicKey : { key: key.publicKey, ...withKey }
}

const TABLES = '@countermark/ed25519-tables'

/** Where `verifier: 'auto'` looks: beside this package, then beside the program, where strict package managers put it. */
export interface VerifierPlaces {
  /** Files or file URLs. @default this file and the program */
  readonly from?: readonly string[]
}

/**
 * What `verifier: 'auto'` stands for: tables where their package is installed, otherwise node:crypto. An installed package
 * that does not start is told of in a process warning, and node:crypto verifies.
 */
export function findVerifier({
  from = placesOf(import.meta.url, process.argv[1]),
}: VerifierPlaces = {}): SignatureVerifier {
  for (const place of from) {
    try {
      const loaded: { readonly tables: () => SignatureVerifier } = createRequire(place)(TABLES)
      return requireMethods(TABLES, loaded, ['tables']).tables()
    } catch (error) {
      if (isAbsent(error)) continue
      warn(error)
      return nodeVerifier
    }
  }
  return nodeVerifier
}

/** `import.meta.url` is undefined in code that was bundled into CommonJS. */
function placesOf(...files: readonly (string | undefined)[]): readonly string[] {
  return files.filter((file) => file !== undefined)
}

/** Whether the package itself is missing; a module that it fails to load is another error. */
function isAbsent(error: unknown): boolean {
  const { code, message } = Object(error)
  return code === 'MODULE_NOT_FOUND' && String(message).split('\n')[0]?.includes(`'${TABLES}'`) === true
}

function warn(error: unknown): void {
  const cause = error instanceof Error ? error.stack : String(error)
  process.emitWarning(`${TABLES} is installed and does not start; node:crypto verifies: ${cause}`, {
    type: 'CountermarkWarning',
    code: 'verifier_fallback',
  })
}
