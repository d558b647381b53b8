import { createHash } from 'node:crypto'
import type { Environment } from '@countermark/core'
import {
  canonicalJson,
  createCircuitBreaker,
  createRecent,
  isThenable,
  reportDegraded,
  withDeadline,
} from '@countermark/core/internal'
import { isOutboundError } from '@countermark/outbound'
import type { PolicyCall, PolicyDecision, PolicyEngine } from '../engines/engine.ts'
import type { PolicyInput } from '../input/policy-input.ts'
import { type FailureReason, METRICS } from '../metric-rows.ts'
import { isUnreadableAnswer, readDecision } from './read-decision.ts'

/** Why an engine could not be asked. */
export class EngineFailure extends Error {
  /** Tells this error apart. */
  override readonly name = 'EngineFailure'
  /** As a closed word. */
  readonly reason: FailureReason

  constructor(reason: FailureReason, cause?: unknown) {
    super('the policy engine gave no readable answer', { cause })
    this.reason = reason
  }
}

/** A decision, and where it came from. */
export interface Asked {
  readonly decision: PolicyDecision
  readonly isCached: boolean
}

/** Asks an engine. @throws {@link EngineFailure} */
export type AskEngine = (input: PolicyInput, environment: Environment) => Asked | Promise<Asked>

/** How an engine is asked. */
export interface AskRules {
  readonly timeoutMs: number
  readonly cacheEntries: number
}

/** After so many failures in a row nobody waits for an engine that is away; one request a second tries. */
const BREAKER = { failuresToOpen: 5, probeEveryMs: 1_000 }
const KEY_LENGTH = 43

/** Makes what asks one engine: with a deadline, a circuit breaker, and a memory for answers that say how long they hold. */
export function createAsk(engine: PolicyEngine, { timeoutMs, cacheEntries }: AskRules): AskEngine {
  const breaker = createCircuitBreaker(BREAKER)
  const answers = createAnswerCache(engine, cacheEntries)

  function settle(input: PolicyInput, answer: unknown, begunMs: number, { report, clock }: Environment): Asked {
    const nowMs = clock.monotonicMs()
    report(METRICS.measure('policy_decision_seconds', (nowMs - begunMs) / 1000, { engine: engine.name }))
    const decision = readDecision(answer)
    answers.keep(input, decision, nowMs)
    return { decision, isCached: false }
  }

  async function wait(input: PolicyInput, pending: Promise<unknown>, call: Call, begunMs: number, env: Environment) {
    try {
      const expired = (): Error => new EngineFailure('timeout')
      const answer = await withDeadline(pending, timeoutMs, undefined, expired)
      if (breaker.succeeded()) reportDegraded(env.report, 'policy', 0)
      return settle(input, answer, begunMs, env)
    } catch (error) {
      const failure = toFailure(error)
      // What one question leads to must not keep others from asking theirs.
      const isAway = failure.reason === 'timeout' || failure.reason === 'unreachable'
      if (isAway && breaker.failed(env.clock.monotonicMs())) reportDegraded(env.report, 'policy', 1)
      throw failure
    } finally {
      call.end()
    }
  }

  return (input, environment) => {
    const begunMs = environment.clock.monotonicMs()
    const known = answers.find(input, begunMs)
    if (known !== undefined) return { decision: known, isCached: true }
    if (!breaker.allows(begunMs)) throw new EngineFailure('unreachable')
    const call = new Call()
    try {
      const answer: unknown = engine.decide(input, call)
      if (isThenable(answer)) return wait(input, answer, call, begunMs, environment)
      return settle(input, answer, begunMs, environment)
    } catch (error) {
      throw toFailure(error)
    }
  }
}

/** The signal is made when it is asked for: an engine in this process has no use for one. */
class Call implements PolicyCall {
  #controller: AbortController | undefined

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  end(): void {
    this.#controller?.abort()
  }
}

/** Why the engine is no help, as a closed word. */
function toFailure(error: unknown): EngineFailure {
  if (error instanceof EngineFailure) return error
  if (isUnreadableAnswer(error)) return new EngineFailure(error.reason, error)
  if (!isOutboundError(error)) return new EngineFailure('failed', error)
  const { reason, status = 0 } = error
  if (reason === 'deadline_exceeded') return new EngineFailure('timeout', error)
  if (reason === 'connection_failed' || reason === 'dns_failed' || status >= 500) {
    return new EngineFailure('unreachable', error)
  }
  return new EngineFailure(status === 0 ? 'malformed' : 'failed', error)
}

interface KeptAnswer {
  readonly decision: PolicyDecision
  readonly revision: string | undefined
  readonly untilMs: number
}

interface AnswerCache {
  readonly find: (input: PolicyInput, nowMs: number) => PolicyDecision | undefined
  readonly keep: (input: PolicyInput, decision: PolicyDecision, nowMs: number) => void
}

/** Answers by the whole question, time left out: whoever asks in another name, place or for another user asks another one. */
function createAnswerCache({ revision: revisionOf }: PolicyEngine, maxEntries: number): AnswerCache {
  const recent = createRecent<KeptAnswer>({ maxEntries, maxCharacters: maxEntries * KEY_LENGTH * 2 })
  let isUsed = false
  return {
    find: (input, nowMs) => {
      if (!isUsed) return undefined
      const key = keyOf(input)
      const kept = key === undefined ? undefined : recent.find(key)
      if (kept === undefined || !(nowMs < kept.untilMs) || kept.revision !== revisionOf?.()) return undefined
      return kept.decision
    },
    keep: (input, decision, nowMs) => {
      const { cache_seconds: seconds = 0 } = decision
      const key = seconds > 0 && maxEntries > 0 ? keyOf(input) : undefined
      if (key === undefined) return
      isUsed = true
      recent.keep(key, { decision, revision: revisionOf?.(), untilMs: nowMs + seconds * 1000 })
    },
  }
}

/** `undefined` for a question that canonical JSON cannot write: it is asked each time. */
function keyOf(input: PolicyInput): string | undefined {
  const { time: _, ...context } = input.context
  try {
    return createHash('sha256')
      .update(canonicalJson({ ...input, context }))
      .digest('base64url')
  } catch {
    return undefined
  }
}
