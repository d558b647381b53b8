import type { Clock } from '@countermark/core'
import { backoffMs } from '@countermark/outbound/internal'
import type { Alert } from './alert-content.ts'

/** What came of one attempt. */
export type Attempt =
  | { readonly result: 'taken' }
  | { readonly result: 'failed'; readonly retryAfterMs?: number | undefined }
  /** The receiver wants no more, ever. */
  | { readonly result: 'gone' }

/** How alerts are sent. */
export interface AlertQueueOptions {
  readonly attempt: (alert: Alert) => Promise<Attempt>
  readonly maxQueued: number
  readonly maxAttempts: number
  readonly clock: Clock
  readonly delay: (ms: number) => Promise<void>
  readonly random: () => number
  /** Hears what became of each alert. */
  readonly onResult: (result: 'delivered' | 'retried' | 'lost', alert: Alert) => void
  /** Hears that the receiver wants no more. */
  readonly onGone: () => void
}

/** Alerts on their way to one receiver. Nothing waits for it. */
export interface AlertQueue {
  readonly push: (alert: Alert) => void
  readonly size: () => number
  /** Tries what waits once more, at once, and counts the rest as lost. */
  readonly close: () => Promise<void>
}

interface Waiting {
  readonly alert: Alert
  attempts: number
  dueMs: number
  isSending: boolean
}

/** A hanging receiver must not hold up all others that it would still take. */
const MOST_AT_ONCE = 8
const FIRST_MS = 500
const LONGEST_MS = 300_000

/** Makes a queue: alerts of one agent go in their order, those of several beside each other. When it is full, the oldest is lost. */
export function createAlertQueue(options: AlertQueueOptions): AlertQueue {
  const { maxQueued, maxAttempts, clock, delay, random, onResult, onGone } = options
  let waiting: Waiting[] = []
  let sending = 0
  let isGone = false
  let isClosing = false
  let onIdle: (() => void) | undefined

  function lose(entry: Waiting): void {
    waiting = waiting.filter((other) => other !== entry)
    onResult('lost', entry.alert)
  }

  function pump(): void {
    const nowMs = clock.monotonicMs()
    const busy = new Set<string>()
    for (const entry of waiting) {
      const { agentId } = entry.alert
      if (busy.has(agentId)) continue
      busy.add(agentId)
      if (!entry.isSending && entry.dueMs <= nowMs && sending < MOST_AT_ONCE) void send(entry)
    }
    if (sending === 0 && (waiting.length === 0 || isGone)) onIdle?.()
  }

  async function send(entry: Waiting): Promise<void> {
    entry.isSending = true
    sending += 1
    const answer = await options.attempt(entry.alert).catch((): Attempt => ({ result: 'failed' }))
    entry.isSending = false
    sending -= 1
    entry.attempts += 1
    settle(entry, answer)
    pump()
  }

  function settle(entry: Waiting, answer: Attempt): void {
    // It was pushed out while it was on its way, and counted then.
    if (!waiting.includes(entry)) return
    if (answer.result === 'taken') {
      waiting = waiting.filter((other) => other !== entry)
      onResult('delivered', entry.alert)
    } else if (answer.result === 'gone') {
      isGone = true
      onGone()
      for (const left of waiting) lose(left)
    } else if (isClosing || entry.attempts >= maxAttempts) lose(entry)
    else retryLater(entry, answer.retryAfterMs ?? 0)
  }

  function retryLater(entry: Waiting, retryAfterMs: number): void {
    onResult('retried', entry.alert)
    const own = backoffMs(entry.attempts, { firstMs: FIRST_MS, factor: 2, longestMs: LONGEST_MS, random })
    const waitMs = Math.min(LONGEST_MS, Math.max(own, retryAfterMs))
    entry.dueMs = clock.monotonicMs() + waitMs
    // A timer ends a moment before what the clock says: what has waited is due, or it would wait for the next alert.
    void delay(waitMs).then(() => {
      entry.dueMs = 0
      pump()
    })
  }

  return {
    push: (alert) => {
      if (isGone || isClosing) {
        onResult('lost', alert)
        return
      }
      const [oldest] = waiting
      if (waiting.length >= maxQueued && oldest !== undefined) lose(oldest)
      waiting.push({ alert, attempts: 0, dueMs: 0, isSending: false })
      pump()
    },
    size: () => waiting.length,
    close: async () => {
      isClosing = true
      for (const entry of waiting) entry.dueMs = 0
      if (sending === 0 && waiting.length === 0) return
      await new Promise<void>((resolve) => {
        onIdle = resolve
        pump()
      })
    },
  }
}
