import { requireNumber } from '@countermark/core'
import { flag, number, optionTable, requireSingleProcess } from '@countermark/core/internal'
import type { AnswerStore, KeptAnswer, KeyedRequest, KeyState } from './answer-store.ts'

/** Options of {@link memoryAnswers}. */
export interface MemoryAnswersOptions {
  /**
   * Says that no other process serves the same agents.
   * @default false: refused in a cluster and with NODE_ENV=production
   */
  readonly allowSingleProcess?: boolean
  /** How long keys and answers are kept. @default 86_400 */
  readonly keepSeconds?: number
  /** Keys in all; with more in use than that, requests with a new one are refused. @default 100_000 */
  readonly maxKeys?: number
  /** Keys of one agent. @default 10_000 */
  readonly maxKeysPerAgent?: number
  /** Bytes of all answers together; of an answer beyond, only that there was one is kept. @default 67_108_864 */
  readonly maxBytes?: number
  /** Bytes of all answers to one agent, within `maxBytes`. @default 8_388_608, or `maxBytes` where that is less */
  readonly maxBytesPerAgent?: number
}

const OPTIONS = optionTable('memoryAnswers', {
  allowSingleProcess: flag(false),
  keepSeconds: number({ min: 1, max: 2_592_000, default: 86_400 }),
  maxKeys: number({ min: 1, default: 100_000 }),
  maxKeysPerAgent: number({ min: 1, default: 10_000 }),
  maxBytes: number({ min: 0, default: 67_108_864 }),
  maxBytesPerAgent: number({ min: 0 }),
})

/** A store that a test can empty. */
export interface MemoryAnswers extends AnswerStore {
  readonly clear: () => void
}

interface Entry {
  readonly fingerprint: string
  readonly agentId: string
  readonly untilMs: number
  outcome: 'running' | 'unkept' | KeptAnswer
}

/** What one agent takes up. */
interface Usage {
  keys: number
  bytes: number
}

/**
 * Keeps keys and answers in this process; a restart forgets them.
 * @throws {@link Misconfigured} `ERR_STORE_SINGLE_PROCESS`
 * @example
 * const idempotent = idempotency({ store: memoryAnswers() })
 */
export function memoryAnswers(options: MemoryAnswersOptions = {}): MemoryAnswers {
  const { allowSingleProcess, keepSeconds, maxKeys, maxKeysPerAgent, maxBytes, ...given } = OPTIONS.read(options)
  requireSingleProcess({ name: 'memoryAnswers', instead: 'redisAnswers', allowSingleProcess })
  const { maxBytesPerAgent = Math.min(8_388_608, maxBytes) } = given
  const memory = new Memory(maxBytes, requireNumber('maxBytesPerAgent', maxBytesPerAgent, { min: 0, max: maxBytes }))
  return {
    name: 'memory',
    clear: () => memory.clear(),
    begin: (request, { clock }) => {
      const nowMs = clock.monotonicMs()
      memory.forgetEnded(nowMs)
      const known = memory.entries.get(request.id)
      if (known !== undefined) return stateOf(known, request)
      if (memory.keysOf(request.agentId) >= maxKeysPerAgent) return { state: 'over_quota' }
      if (memory.entries.size >= maxKeys) return { state: 'full' }
      const { id, fingerprint, agentId } = request
      const entry: Entry = { fingerprint, agentId, untilMs: nowMs + keepSeconds * 1000, outcome: 'running' }
      memory.add(id, entry)
      return {
        state: 'first',
        finish: (answer) => memory.finish(id, entry, answer),
        abandon: () => memory.remove(id, entry),
      }
    },
  }
}

function stateOf({ fingerprint, outcome }: Entry, request: KeyedRequest): KeyState {
  if (fingerprint !== request.fingerprint) return { state: 'reused' }
  return typeof outcome === 'string' ? { state: outcome } : { state: 'answered', answer: outcome }
}

class Memory {
  /** In the order in which they end. */
  readonly entries: Map<string, Entry> = new Map()
  readonly #usages = new Map<string, Usage>()
  readonly #maxBytes: number
  readonly #maxBytesPerAgent: number
  #bytes = 0

  constructor(maxBytes: number, maxBytesPerAgent: number) {
    this.#maxBytes = maxBytes
    this.#maxBytesPerAgent = maxBytesPerAgent
  }

  keysOf(agentId: string): number {
    return this.#usages.get(agentId)?.keys ?? 0
  }

  add(id: string, entry: Entry): void {
    this.entries.set(id, entry)
    const usage = this.#usages.get(entry.agentId)
    if (usage === undefined) this.#usages.set(entry.agentId, { keys: 1, bytes: 0 })
    else usage.keys += 1
  }

  finish(id: string, entry: Entry, answer: KeptAnswer | undefined): void {
    const usage = this.#usages.get(entry.agentId)
    // The work took longer than keys are kept.
    if (this.entries.get(id) !== entry || usage === undefined) return
    const size = answer === undefined ? 0 : sizeOf(answer)
    const fits = this.#bytes + size <= this.#maxBytes && usage.bytes + size <= this.#maxBytesPerAgent
    entry.outcome = answer !== undefined && fits ? answer : 'unkept'
    if (entry.outcome !== 'unkept') this.#count(usage, size)
  }

  remove(id: string, entry: Entry): void {
    if (this.entries.get(id) !== entry) return
    this.entries.delete(id)
    const usage = this.#usages.get(entry.agentId)
    if (usage === undefined) return
    this.#count(usage, -sizeOf(entry.outcome))
    usage.keys -= 1
    if (usage.keys === 0) this.#usages.delete(entry.agentId)
  }

  forgetEnded(nowMs: number): void {
    for (const [id, entry] of this.entries) {
      if (entry.untilMs > nowMs) return
      this.remove(id, entry)
    }
  }

  clear(): void {
    this.entries.clear()
    this.#usages.clear()
    this.#bytes = 0
  }

  #count(usage: Usage, bytes: number): void {
    this.#bytes += bytes
    usage.bytes += bytes
  }
}

/** Header fields count, too: an answer without a body can be large. */
function sizeOf(outcome: Entry['outcome']): number {
  if (typeof outcome === 'string') return 0
  return outcome.headers.reduce((sum, [name, value]) => sum + name.length + String(value).length, outcome.body.length)
}
