import { verify } from 'node:crypto'
import type { AgentKey, Environment } from '@countermark/core'
import type { ImportedKey } from '@countermark/core/internal'
import { JOSE_ALGORITHMS, type JoseAlgorithm } from './jose-algorithm.ts'

/** What was signed (RFC 7515 section 5.2), and the signature. */
interface SignedInput {
  readonly signingInput: string
  readonly signature: Uint8Array
}

/** A key made ready for one algorithm. */
export interface JwsKey {
  readonly thumbprint: string
  /** Whether a signature is of this key, at once. */
  readonly verifies: (jws: SignedInput, environment: Pick<Environment, 'verifier'>) => boolean
}

/** Makes a key ready, once: each request takes it. */
export function createJwsKey(algorithm: JoseAlgorithm, key: ImportedKey): JwsKey {
  const { registered, digest, withKey } = JOSE_ALGORITHMS[algorithm]
  const { thumbprint, publicKey } = key
  if (registered !== undefined) {
    const agentKey: AgentKey = { ...key, algorithm: registered, ...NO_AGENT }
    return {
      thumbprint,
      verifies: (jws, { verifier }) => verifier.verify(agentKey, bytesOf(jws), jws.signature) === true,
    }
  }
  return {
    thumbprint,
    verifies: (jws) =>
      digest !== undefined && verify(digest, bytesOf(jws), { key: publicKey, ...withKey }, jws.signature),
  }
}

function bytesOf({ signingInput }: SignedInput): Buffer {
  return Buffer.from(signingInput, 'latin1')
}

/** The environment's verifier takes the keys of agents; it does not look at whose they are. */
const NO_AGENT = {
  agent: { id: '', state: 'active' },
  keyId: '',
  state: 'active',
  notBefore: undefined,
  notAfter: undefined,
  schemes: undefined,
} as const
