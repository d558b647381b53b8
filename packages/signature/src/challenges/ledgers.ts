import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type AgentKey, type Environment, Refusal, type ReplayStore, Unavailable } from '@countermark/core'
import { decodeBase64url, sealOf } from '@countermark/core/internal'
import { claimMessage } from '../outside-http.ts'
import { isChallengeMessage, purposeOf } from './answer.ts'

/** For whom a challenge is and what for. */
export interface ChallengeRequest {
  /** A lower-case word such as `approve-request`, which the signer reads. */
  readonly purpose: string
  /** The only agent that may answer. @default any */
  readonly agentId?: string
}

/** Knows which messages were handed out and which of them were answered. */
export interface ChallengeLedger {
  /** A message never handed out before. @throws Unavailable `overloaded` */
  readonly issue: (request: ChallengeRequest, environment: Environment) => string
  /**
   * When a message was handed out to this agent, in Unix seconds.
   * @throws Refusal `freshness_unproven`, `signature_expired`
   */
  readonly check: (message: string, agentId: string, environment: Environment) => number
  /** Takes a message once. Called after the signature held. @throws Refusal `replay_detected` */
  readonly claim: (message: string, key: AgentKey, environment: Environment) => void | Promise<void>
}

/** What a message says of itself: `purpose:expires.random.seal`. */
interface Sealed {
  readonly purpose: string
  /** Unix seconds. */
  readonly expires: string
  readonly random: string
}

const SUFFIX = /^([0-9]{10})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})z$/

/** Hands out messages that carry their end and a seal: nothing is kept until one is answered. */
export function createSealedChallenges(ttlSeconds: number, store: ReplayStore, secret: Uint8Array): ChallengeLedger {
  return {
    issue: ({ purpose, agentId }: ChallengeRequest, { clock }: Environment) => {
      const expires = String(Math.floor(clock.wallMs() / 1000) + ttlSeconds)
      const random = randomBytes(16).toString('base64url')
      const seal = sealChallenge({ purpose, expires, random }, agentId, secret).toString('base64url')
      // The letter at the end keeps ten digits from standing there, whatever the seal is.
      return `${purpose}:${expires}.${random}.${seal}z`
    },
    check: (message, agentId, { clock }) => {
      const { expires } = openSealed(message, agentId, secret)
      if (!(clock.wallMs() / 1000 <= Number(expires))) throw new Refusal('signature_expired', 'the challenge ended')
      return Number(expires) - ttlSeconds
    },
    // By message, not by key: a challenge for any agent is answered once, by one.
    claim: (message, { agent, thumbprint }, environment) => {
      const acceptUntil = Number(openSealed(message, agent.id, secret).expires)
      const id = createHash('sha256').update(`challenge\n${message}`).digest()
      const created = acceptUntil - ttlSeconds
      return claimMessage({ id, thumbprint, created, acceptUntil, nonce: undefined }, store, environment)
    },
  }
}

function openSealed(message: string, agentId: string, secret: Uint8Array): Sealed {
  const purpose = purposeOf(message)
  const [, expires, random, text] = SUFFIX.exec(message.slice(purpose.length + 1)) ?? []
  const seal = text === undefined ? undefined : decodeBase64url(text)
  if (expires !== undefined && random !== undefined && seal !== undefined) {
    const sealed = { purpose, expires, random }
    const isSealedFor = (agent: string | undefined): boolean =>
      timingSafeEqual(seal, sealChallenge(sealed, agent, secret))
    if (isSealedFor(agentId) || isSealedFor(undefined)) return sealed
  }
  throw new Refusal('freshness_unproven', 'this message was not handed out to this agent')
}

/** No agent id is empty, so a challenge for any agent cannot pass for one that names its agent. */
function sealChallenge({ purpose, expires, random }: Sealed, agentId: string | undefined, secret: Uint8Array): Buffer {
  const text = `${purpose}\n${expires}\n${random}\n${agentId ?? ''}`
  return Buffer.from(sealOf(secret, 'countermark-challenge-v1\n', Buffer.from(text)), 'latin1')
}

interface Pending {
  readonly agentId: string | undefined
  /** Unix seconds. */
  readonly created: number
  /** Monotonic milliseconds. */
  readonly endMs: number
  used: boolean
}

/** 128 random bits with a letter behind them, so that no message ends in digits alone. */
export function randomSuffix(): string {
  return `${randomBytes(16).toString('base64url')}z`
}

/** Keeps challenges in memory, used ones too until they end. Bounded: when full, nothing is handed out. */
export class PendingChallenges implements ChallengeLedger {
  readonly #ttlSeconds: number
  readonly #maxPending: number
  readonly #createSuffix: () => string
  readonly #pending = new Map<string, Pending>()

  constructor(ttlSeconds: number, maxPending: number, createSuffix: () => string) {
    this.#ttlSeconds = ttlSeconds
    this.#maxPending = maxPending
    this.#createSuffix = createSuffix
  }

  issue({ purpose, agentId }: ChallengeRequest, { clock }: Environment): string {
    const nowMs = clock.monotonicMs()
    this.#forgetEnded(nowMs)
    if (this.#pending.size >= this.#maxPending) {
      throw new Unavailable('overloaded', 'challenges', 'too many challenges wait for their answers')
    }
    const message = `${purpose}:${this.#createSuffix()}`
    if (!isChallengeMessage(message) || this.#pending.has(message)) {
      throw new Refusal(
        'config_error',
        'unsafeCreateSuffix must return 1 to 128 letters, digits or . _ - and never repeat',
      )
    }
    const created = Math.floor(clock.wallMs() / 1000)
    this.#pending.set(message, { agentId, created, endMs: nowMs + this.#ttlSeconds * 1000, used: false })
    return message
  }

  check(message: string, agentId: string, { clock }: Environment): number {
    const entry = this.#requireUnused(message)
    if (!(clock.monotonicMs() <= entry.endMs)) throw new Refusal('signature_expired', 'the challenge ended')
    if (entry.agentId !== undefined && entry.agentId !== agentId) {
      throw new Refusal('freshness_unproven', 'this message was handed out to another agent')
    }
    return entry.created
  }

  claim(message: string): void {
    this.#requireUnused(message).used = true
  }

  /** All live equally long: the oldest end first. */
  #forgetEnded(nowMs: number): void {
    for (const [message, { endMs }] of this.#pending) {
      if (nowMs <= endMs) return
      this.#pending.delete(message)
    }
  }

  #requireUnused(message: string): Pending {
    const entry = this.#pending.get(message)
    if (entry === undefined) throw new Refusal('freshness_unproven', 'this message was not handed out, or long ago')
    if (entry.used) throw new Refusal('replay_detected', 'this message was answered before')
    return entry
  }
}
