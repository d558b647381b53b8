import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type AgentRequest, type Environment, Misconfigured, Refusal, type ReplayStore } from '@countermark/core'
import {
  type ClaimAnswer,
  type ClaimRefusals,
  claimOnce,
  custom,
  decodeBase64url,
  methods,
  number,
  type OptionRows,
  optionTable,
  refusalOf,
  then,
  word,
} from '@countermark/core/internal'
import { type AlgorithmName, algorithms } from '../option-readers.ts'
import { spellingsOf } from '../token/jws-key.ts'
import { createDpopProofs, type DpopProof } from './dpop-proof.ts'

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

/** DPoP as one guard takes it. */
export interface Dpop {
  /** For challenges: every algorithm by each of its names. */
  readonly algorithmNames: string
  /** Verifies the proof of a request, claims it, and answers with the thumbprint of its key. */
  readonly verify: (input: DpopInput, environment: Environment) => string | Promise<string>
  /** The value of `DPoP-Nonce`. */
  readonly issueNonce: (environment: Environment) => string | undefined
}

/** A request with a proof. */
export interface DpopInput {
  readonly request: AgentRequest
  /** SHA-256 of the token as sent, base64url; `undefined` where tokens are only being asked for (RFC 9449 section 5). */
  readonly tokenHash: string | undefined
  /** What the token is bound to; `undefined`: any key. */
  readonly thumbprint: string | undefined
}

interface Settings {
  readonly store: ReplayStore
  readonly maxAgeSeconds: number
  readonly futureSkewSeconds: number
  readonly nonceSeconds: number
  readonly nonces: DpopNonces | undefined
}

/**
 * Prepares DPoP for one guard.
 * @throws {@link Misconfigured}
 */
export function createDpop(options: DpopOptions, allowTestKeys: boolean): Dpop {
  const { algorithms: accepted, nonce, nonceSecret, ...given } = TABLE.read(options)
  const nonces = nonce === 'required' ? createDpopNonces(nonceSecret, given.nonceSeconds) : undefined
  const settings: Settings = { ...given, nonces }
  const proofs = createDpopProofs({ algorithms: accepted, allowTestKeys })
  return {
    algorithmNames: accepted.flatMap(spellingsOf).join(' '),
    verify: ({ request, tokenHash, thumbprint }, environment) => {
      const text = request.headers.only('dpop')
      if (text === undefined) {
        throw new Refusal('token_binding_mismatch', 'the token is bound to a key; send a DPoP proof made with it')
      }
      const proof = proofs.verify(text, { request, thumbprint, tokenHash }, environment)
      return then(claimProof(settings, proof, environment, request.raw), () => proof.thumbprint)
    },
    issueNonce: (environment) => {
      const inner = settings.store.issueNonce(environment)
      return settings.nonces === undefined ? inner : settings.nonces.issue(environment.clock.wallMs(), inner)
    },
  }
}

/** Claimed only now: a proof that does not hold must not claim another caller's `jti`. */
function claimProof(settings: Settings, proof: DpopProof, environment: Environment, raw: object): void | Promise<void> {
  const { created, acceptUntil, nonce } = timeOf(settings, proof, environment.clock.wallMs())
  // RFC 9449 section 11.1; by key, so that a caller cannot claim what belongs to another one.
  const id = hash('sha256', `dpop ${proof.thumbprint} ${proof.id}`, 'buffer')
  const claim = { id, thumbprint: proof.thumbprint, created, acceptUntil, nonce }
  const answer = claimOnce(settings.store, claim, environment, raw)
  return then(answer, requireClaimed)
}

interface ProofTime {
  readonly created: number
  readonly acceptUntil: number
  readonly nonce: string | undefined
}

function timeOf({ nonces, ...window }: Settings, proof: DpopProof, nowMs: number): ProofTime {
  const read = proof.nonce === undefined ? undefined : nonces?.read(proof.nonce, nowMs)
  if (nonces !== undefined && read === undefined) {
    throw new Refusal('dpop_nonce_required', 'the DPoP proof must carry the nonce that the response offers')
  }
  // RFC 9449 section 11.1: the time of the nonce, which is ours, may stand for the caller's.
  if (read !== undefined) {
    return { created: read.issuedAt, acceptUntil: read.issuedAt + window.nonceSeconds, nonce: read.inner }
  }
  const now = nowMs / 1000
  const acceptUntil = proof.issuedAt + window.maxAgeSeconds
  if (!(proof.issuedAt <= now + window.futureSkewSeconds && now <= acceptUntil)) {
    throw new Refusal('dpop_proof_invalid', `the DPoP proof must be at most ${window.maxAgeSeconds} s old`)
  }
  return { created: Math.floor(proof.issuedAt), acceptUntil, nonce: proof.nonce }
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

const TABLE = optionTable('dpop', {
  store: methods<ReplayStore>(['claim', 'issueNonce'], 'a replay store, such as memoryReplayStore()'),
  algorithms: algorithms(['EdDSA', 'ES256']),
  maxAgeSeconds: number({ min: 1, max: 300, default: 60 }),
  futureSkewSeconds: number({ min: 0, max: 300, default: 30 }),
  nonce: word(['optional', 'required'], 'optional'),
  nonceSecret: custom((name, given) => requireSecret(name, given)),
  nonceSeconds: number({ min: 1, max: 3600, default: 300 }),
} satisfies OptionRows<DpopOptions>)

function requireSecret(name: string, given: unknown): Uint8Array {
  if (given === undefined) return randomBytes(SECRET_BYTES)
  if (given instanceof Uint8Array && given.length >= SECRET_BYTES) return given
  throw new Misconfigured('ERR_OPTION_INVALID', `dpop.${name} must have at least ${SECRET_BYTES} bytes`)
}

const SECRET_BYTES = 32

/** Nonces that a DPoP proof must carry (RFC 9449 section 9), recognised without having been stored. */
export interface DpopNonces {
  /** The nonce of now; `inner` travels along and comes back from {@link DpopNonces.read}. */
  readonly issue: (nowMs: number, inner: string | undefined) => string
  /** `undefined` for a nonce that is not ours or too old. */
  readonly read: (nonce: string, nowMs: number) => ReadNonce | undefined
}

/** A nonce that was recognised. */
export interface ReadNonce {
  /** Unix seconds. */
  readonly issuedAt: number
  readonly inner: string | undefined
}

const TIME_BYTES = 6
const MAC_BYTES = 16

/** Makes nonces of one secret. A nonce may be used again while it is young; each proof still counts once by its `jti`. */
export function createDpopNonces(secret: Uint8Array, lifetimeSeconds: number): DpopNonces {
  const seal = (time: Uint8Array): Buffer =>
    createHmac('sha256', secret).update('countermark dpop nonce').update(time).digest().subarray(0, MAC_BYTES)
  return {
    issue: (nowMs, inner) => {
      const time = Buffer.alloc(TIME_BYTES)
      time.writeUIntBE(Math.max(0, Math.floor(nowMs / 1000)), 0, TIME_BYTES)
      const nonce = Buffer.concat([time, seal(time)]).toString('base64url')
      return inner === undefined ? nonce : `${nonce}.${inner}`
    },
    read: (nonce, nowMs) => {
      const dot = nonce.indexOf('.')
      const bytes = decodeBase64url(dot < 0 ? nonce : nonce.slice(0, dot))
      if (bytes?.length !== TIME_BYTES + MAC_BYTES) return undefined
      const time = bytes.subarray(0, TIME_BYTES)
      if (!timingSafeEqual(seal(time), bytes.subarray(TIME_BYTES))) return undefined
      const issuedAt = time.readUIntBE(0, TIME_BYTES)
      const age = nowMs / 1000 - issuedAt
      // Another process that shares the secret may have a clock that is slightly ahead.
      if (!(age <= lifetimeSeconds && age >= -MAX_AHEAD_SECONDS)) return undefined
      return { issuedAt, inner: dot < 0 ? undefined : nonce.slice(dot + 1) }
    },
  }
}

const MAX_AHEAD_SECONDS = 30
