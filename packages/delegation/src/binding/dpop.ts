import { hash, randomBytes } from 'node:crypto'
import {
  type AgentRequest,
  type Environment,
  Misconfigured,
  Refusal,
  type ReplayClaim,
  type ReplayStore,
} from '@countermark/core'
import {
  type ClaimAnswer,
  type ClaimRefusals,
  claimOnce,
  custom,
  methods,
  number,
  type OptionRows,
  optionTable,
  refusalOf,
  type SettingsOf,
  then,
  word,
} from '@countermark/core/internal'
import { type AlgorithmName, algorithms } from '../option-readers.ts'
import { spellingsOf } from '../token/jose-algorithm.ts'
import { DpopNonces } from './dpop-nonces.ts'
import { type DpopExpectation, type DpopProof, DpopProofs } from './dpop-proof.ts'

/** How DPoP proofs are taken (RFC 9449). */
export interface DpopOptions {
  /** Where used proofs are remembered; may be the one that `preventReplay` has. */
  readonly store: ReplayStore
  /** @default ['EdDSA', 'ES256'] */
  readonly algorithms?: readonly AlgorithmName[]
  /** Oldest proof accepted. Seconds. @default 60 */
  readonly maxAgeSeconds?: number
  /** How far ahead of our clock a proof may be dated. Seconds. @default 30 */
  readonly futureSkewSeconds?: number
  /** `required`: proofs carry a nonce of ours, and its time counts instead of the caller's clock. @default 'optional' */
  readonly nonce?: 'optional' | 'required'
  /** At least 32 bytes that all processes share, so that each knows the others' nonces. @default random, for one process */
  readonly nonceSecret?: Uint8Array
  /** How long a nonce may be used. Seconds. @default 300 */
  readonly nonceSeconds?: number
}

const ROWS = {
  store: methods<ReplayStore>(['claim', 'issueNonce'], 'a replay store, such as memoryReplayStore()'),
  algorithms: algorithms(['EdDSA', 'ES256']),
  maxAgeSeconds: number({ min: 1, max: 300, default: 60 }),
  futureSkewSeconds: number({ min: 0, max: 300, default: 30 }),
  nonce: word(['optional', 'required'], 'optional'),
  nonceSecret: custom((name, given) => requireSecret(name, given)),
  nonceSeconds: number({ min: 1, max: 3600, default: 300 }),
} satisfies OptionRows<DpopOptions>

const TABLE = optionTable('dpop', ROWS)

function requireSecret(name: string, given: unknown): Uint8Array {
  if (given === undefined) return randomBytes(SECRET_BYTES)
  if (given instanceof Uint8Array && given.length >= SECRET_BYTES) return given
  throw new Misconfigured('ERR_OPTION_INVALID', `dpop.${name} must have at least ${SECRET_BYTES} bytes`)
}

const SECRET_BYTES = 32

/** DPoP as one guard takes it. */
export class Dpop {
  /** For challenges: every algorithm by each of its names. */
  readonly algorithmNames: string
  readonly #settings: Omit<SettingsOf<typeof ROWS>, 'algorithms' | 'nonce' | 'nonceSecret'>
  readonly #nonces: DpopNonces | undefined
  readonly #proofs: DpopProofs

  /** @throws Misconfigured */
  constructor(options: DpopOptions, allowTestKeys: boolean) {
    const { algorithms: accepted, nonce, nonceSecret, ...settings } = TABLE.read(options)
    this.algorithmNames = accepted.flatMap(spellingsOf).join(' ')
    this.#settings = settings
    this.#nonces = nonce === 'required' ? new DpopNonces(nonceSecret, settings.nonceSeconds) : undefined
    this.#proofs = new DpopProofs({ algorithms: accepted, allowTestKeys })
  }

  /**
   * Verifies the proof of a request, claims it, and answers with the thumbprint of its key.
   * @throws Refusal `token_binding_mismatch`, `dpop_proof_invalid`, `dpop_nonce_required`, `replay_detected`
   */
  verify(
    expected: DpopExpectation & { readonly request: AgentRequest },
    environment: Environment,
  ): string | Promise<string> {
    const { headers, raw } = expected.request
    const text = headers.only('dpop')
    if (text === undefined) {
      throw new Refusal('token_binding_mismatch', 'the token is bound to a key; send a DPoP proof made with it')
    }
    const proof = this.#proofs.verify(text, expected, environment)
    // Claimed only now: a proof that does not hold must not claim another caller's `jti`.
    return then(this.#claim(proof, environment, raw), () => proof.thumbprint)
  }

  /** The value of `DPoP-Nonce`. */
  issueNonce(environment: Environment): string | undefined {
    const inner = this.#settings.store.issueNonce(environment)
    return this.#nonces === undefined ? inner : this.#nonces.issue(environment.clock.wallMs(), inner)
  }

  #claim(proof: DpopProof, environment: Environment, raw: object): void | Promise<void> {
    const { thumbprint } = proof
    // RFC 9449 section 11.1; by key, so that a caller cannot claim what belongs to another one.
    const id = hash('sha256', `dpop ${thumbprint} ${proof.id}`, 'buffer')
    const claim = { id, thumbprint, ...this.#timeOf(proof, environment.clock.wallMs()) }
    return then(claimOnce(this.#settings.store, claim, environment, raw), requireClaimed)
  }

  #timeOf(proof: DpopProof, nowMs: number): Pick<ReplayClaim, 'created' | 'acceptUntil' | 'nonce'> {
    const { maxAgeSeconds, futureSkewSeconds, nonceSeconds } = this.#settings
    if (this.#nonces !== undefined) {
      const read = proof.nonce === undefined ? undefined : this.#nonces.read(proof.nonce, nowMs)
      if (read === undefined) {
        throw new Refusal('dpop_nonce_required', 'the DPoP proof must carry the nonce that the response offers')
      }
      // RFC 9449 section 11.1: the time of the nonce, which is ours, may count instead of the caller's.
      return { created: read.issuedAt, acceptUntil: read.issuedAt + nonceSeconds, nonce: read.inner }
    }
    const now = nowMs / 1000
    const acceptUntil = proof.issuedAt + maxAgeSeconds
    if (!(proof.issuedAt <= now + futureSkewSeconds && now <= acceptUntil)) {
      throw new Refusal('dpop_proof_invalid', `the DPoP proof must be at most ${maxAgeSeconds} s old`)
    }
    return { created: Math.floor(proof.issuedAt), acceptUntil, nonce: proof.nonce }
  }
}

const REFUSALS: ClaimRefusals = {
  replayed: () => new Refusal('replay_detected', 'this DPoP proof was used before; make a new one', TOKEN),
  unproven: () =>
    new Refusal('dpop_nonce_required', 'made before the server could remember; make it again with the given nonce'),
}

const TOKEN = { credential: 'token' } as const

function requireClaimed(answer: ClaimAnswer): void {
  const refusal = refusalOf(answer, REFUSALS)
  if (refusal !== undefined) throw refusal
}
