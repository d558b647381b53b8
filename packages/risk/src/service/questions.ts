import type { Environment } from '@countermark/core'
import { createCircuitBreaker, REDIS_BREAKER, withDeadline } from '@countermark/core/internal'
import type { Assessment } from '../assessment.ts'
import type { LevelChange } from '../risk-store.ts'
import type { Connection } from './connection.ts'
import { QUESTION_METRICS } from './service-metrics.ts'
import { readScores, type ToldEnd, type ToldRequest } from './wire.ts'

/** How questions are asked. */
export interface QuestionOptions {
  readonly connection: Connection
  readonly deadlineMs: number
  readonly onChanges: (changes: readonly LevelChange[]) => void
}

/** Asks the service: what comes in one turn of the event loop travels together. */
export interface Questions {
  /** @throws Error when the service does not answer in time */
  readonly assess: (asked: ToldRequest | string, environment: Environment) => Promise<Assessment>
  /** Takes an end along with the next question, or within a quarter of a second. */
  readonly tell: (ended: ToldEnd) => void
}

interface Asked {
  readonly what: ToldRequest | string
  readonly resolve: (assessment: Assessment) => void
  readonly reject: (error: unknown) => void
}

const MOST_AT_ONCE = 200
const MOST_ENDS = 10_000
const ENDS_AT_ONCE = 1000
const TELL_AFTER_MS = 250

/** Makes what asks. After five failures in a row questions fail at once, and one a second tries whether the service is back. */
export function createQuestions({ connection, deadlineMs, onChanges }: QuestionOptions): Questions {
  const breaker = createCircuitBreaker(REDIS_BREAKER)
  let asked: Asked[] = []
  let ended: ToldEnd[] = []
  let around: Environment | undefined
  let isTelling = false

  async function send(batch: readonly Asked[], { clock, report }: Environment): Promise<readonly Assessment[]> {
    if (!breaker.allows(clock.monotonicMs())) {
      report(QUESTION_METRICS.measure('risk_questions_total', 1, { result: 'skipped' }))
      throw new Error('the risk service did not answer lately')
    }
    const startedMs = clock.monotonicMs()
    const ends = ended.splice(0, ENDS_AT_ONCE)
    try {
      const scores = await ask(batch, ends)
      breaker.succeeded()
      report(QUESTION_METRICS.measure('risk_questions_total', 1, { result: 'answered' }))
      report(QUESTION_METRICS.measure('risk_question_duration_seconds', (clock.monotonicMs() - startedMs) / 1000))
      return scores
    } catch (error) {
      breaker.failed(clock.monotonicMs())
      report(QUESTION_METRICS.measure('risk_questions_total', 1, { result: 'failed' }))
      keepEnds(ends, report)
      throw error
    }
  }

  async function ask(batch: readonly Asked[], ends: readonly ToldEnd[]): Promise<readonly Assessment[]> {
    const giveUp = new AbortController()
    const requests = batch.flatMap(({ what }) => (typeof what === 'string' ? [] : [what]))
    const agents = batch.flatMap(({ what }) => (typeof what === 'string' ? [what] : []))
    try {
      const asking = connection.ask('POST', '/v1/scores', giveUp.signal, { requests, agents, ended: ends })
      const answer = readScores(await withDeadline(asking, deadlineMs), batch.length)
      onChanges(answer.changes)
      return answer.scores
    } finally {
      giveUp.abort()
    }
  }

  /** What could not be told may be told later, as long as there is room. */
  function keepEnds(ends: readonly ToldEnd[], report: Environment['report']): void {
    const room = Math.max(0, MOST_ENDS - ended.length)
    ended = [...ends.slice(0, room), ...ended]
    if (ends.length > room) report(QUESTION_METRICS.measure('risk_ends_lost_total', ends.length - room))
  }

  function flush(environment: Environment): void {
    const [all, rest] = [asked, asked.splice(MOST_AT_ONCE)]
    asked = rest
    if (rest.length > 0) setImmediate(() => flush(environment))
    send(all, environment).then(
      (scores) => {
        for (const [at, { resolve }] of all.entries()) resolve(scores[at] as Assessment)
      },
      (error: unknown) => {
        for (const { reject } of all) reject(error)
      },
    )
  }

  function tellLater(environment: Environment): void {
    isTelling = true
    const timer = setTimeout(() => {
      isTelling = false
      if (ended.length > 0)
        send([], environment).catch(() => undefined /* Counted, and told again with the next question. */)
    }, TELL_AFTER_MS)
    timer.unref()
  }

  return {
    assess: (what, environment) => {
      around = environment
      return new Promise((resolve, reject) => {
        if (asked.push({ what, resolve, reject }) === 1) setImmediate(() => flush(environment))
      })
    },
    tell: (end) => {
      // Without a request before there is nothing that could end.
      if (around === undefined) return
      if (ended.length >= MOST_ENDS) around.report(QUESTION_METRICS.measure('risk_ends_lost_total', 1))
      else ended.push(end)
      if (!isTelling) tellLater(around)
    },
  }
}
