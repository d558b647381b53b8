import { randomBytes } from 'node:crypto'
import { type Environment, Refusal, Unavailable } from '@countermark/core'
import type { ChallengeLedger, ChallengeRequest } from './challenge-ledger.ts'
import { isChallengeMessage } from './challenge-message.ts'

/** How challenges are kept in this process. */
export interface PendingChallengesOptions {
  readonly ttlSeconds: number
  readonly maxPending: number
  readonly createSuffix: () => string
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
export function createPendingChallenges(options: PendingChallengesOptions): ChallengeLedger {
  const { ttlSeconds, maxPending, createSuffix } = options
  const pending = new Map<string, Pending>()

  /** All live equally long: the oldest end first. */
  const forgetEnded = (nowMs: number): void => {
    for (const [message, { endMs }] of pending) {
      if (nowMs <= endMs) return
      pending.delete(message)
    }
  }
  const issue = ({ purpose, agentId }: ChallengeRequest, { clock }: Environment): string => {
    const nowMs = clock.monotonicMs()
    forgetEnded(nowMs)
    if (pending.size >= maxPending) {
      throw new Unavailable('overloaded', 'challenges', 'too many challenges wait for their answers')
    }
    const message = `${purpose}:${createSuffix()}`
    if (!isChallengeMessage(message) || pending.has(message)) {
      throw new Refusal(
        'config_error',
        'unsafeCreateSuffix must return 1 to 128 letters, digits or . _ - and never repeat',
      )
    }
    pending.set(message, {
      agentId,
      created: Math.floor(clock.wallMs() / 1000),
      endMs: nowMs + ttlSeconds * 1000,
      used: false,
    })
    return message
  }
  const requireUnused = (message: string): Pending => {
    const entry = pending.get(message)
    if (entry === undefined) throw new Refusal('freshness_unproven', 'this message was not handed out, or long ago')
    if (entry.used) throw new Refusal('replay_detected', 'this message was answered before')
    return entry
  }

  return {
    issue,
    check: (message, agentId, { clock }) => {
      const entry = requireUnused(message)
      if (!(clock.monotonicMs() <= entry.endMs)) throw new Refusal('signature_expired', 'the challenge ended')
      if (entry.agentId !== undefined && entry.agentId !== agentId) {
        throw new Refusal('freshness_unproven', 'this message was handed out to another agent')
      }
      return entry.created
    },
    redeem: (message) => {
      requireUnused(message).used = true
    },
  }
}
