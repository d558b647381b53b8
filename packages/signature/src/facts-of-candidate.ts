import type { AgentKey, ProofFact } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import { digestBase64 } from './sha-digest.ts'
import type { SignatureFacts } from './signature-facts.ts'
import type { Candidate } from './signature-scheme.ts'

/** What is known once a signature holds. */
export function factsOf(candidate: Candidate, key: AgentKey, base: Uint8Array): SignatureFacts {
  const { agent } = key
  return {
    agent: { id: agent.id, level: candidate.level, scheme: candidate.scheme, record: agent },
    proof: new Proof(candidate, key, base),
  }
}

/** A class, because the hash of the base is worked out only when it is read: where there is a nonce, it seldom is. */
class Proof implements ProofFact {
  readonly scheme: ProofFact['scheme']
  readonly keyId: string
  readonly thumbprint: string
  readonly algorithm: SignatureAlgorithm
  readonly created: number
  readonly acceptUntil: number
  readonly nonce: string | undefined
  readonly label: string | undefined
  readonly tag: string | undefined
  readonly parameters: ProofFact['parameters']
  readonly signed: ProofFact['signed']
  readonly keyNotAfter: number | undefined
  readonly publicKey: ProofFact['publicKey']
  readonly covers: ProofFact['covers']
  readonly further: readonly ProofFact[] | undefined
  // A member of the object itself, so that copies have it; one getter for all, so that all proofs look alike to the engine.
  declare readonly baseHash: string
  readonly #candidate: Candidate
  #baseHash: string | undefined

  constructor(candidate: Candidate, key: AgentKey, base: Uint8Array) {
    this.scheme = candidate.scheme
    this.keyId = key.keyId
    this.thumbprint = key.thumbprint
    this.algorithm = key.algorithm
    this.created = candidate.created
    this.acceptUntil = candidate.acceptUntil
    this.nonce = candidate.nonce
    this.label = candidate.label
    this.tag = candidate.tag
    this.parameters = candidate.parameters
    this.signed = { base, signature: candidate.signature }
    this.keyNotAfter = key.notAfter
    this.publicKey = key.publicKey
    this.covers = candidate.covers
    this.further = undefined
    this.#candidate = candidate
    this.#baseHash = undefined
    Object.defineProperty(this, 'baseHash', BASE_HASH)
  }

  static baseHashOf(proof: Proof): string {
    const { base } = proof.signed
    proof.#baseHash ??= digestBase64('sha256', proof.#candidate.replayIdentity?.(base) ?? base)
    return proof.#baseHash
  }
}

const BASE_HASH: PropertyDescriptor & ThisType<Proof> = {
  enumerable: true,
  get(): string {
    return Proof.baseHashOf(this)
  },
}
