import { requireKnownOptions, requireNumber } from '@countermark/core'
import { requireSingleProcess } from '@countermark/core/internal'
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

const KNOWN = ['allowSingleProcess', 'keepSeconds', 'maxKeys', 'maxKeysPerAgent', 'maxBytes', 'maxBytesPerAgent']

/**
 * Keeps keys and answers in this process; a restart forgets them.
 * @throws {@link Misconfigured} `ERR_STORE_SINGLE_PROCESS`
 * @example
 * const idempotent = idempotency({ store: memoryAnswers() })
 */
export function memoryAnswers(options: MemoryAnswersOptions = {}): MemoryAnswers {
  requireKnownOptions('memoryAnswers', options, KNOWN)
  const { allowSingleProcess } = options
  requireSingleProcess({ name: 'memoryAnswers', instead: 'redisAnswers', allowSingleProcess })
  const keepMs = requireNumber('keepSeconds', options.keepSeconds ?? 86_400, { min: 1, max: 2_592_000 }) * 1000
  const maxKeys = requireNumber('maxKeys', options.maxKeys ?? 100_000, { min: 1 })
  const maxKeysPerAgent = requireNumber('maxKeysPerAgent', options.maxKeysPerAgent ?? 10_000, { min: 1 })
  const maxBytes = requireNumber('maxBytes', options.maxBytes ?? 67_108_864, { min: 0 })
  const { maxBytesPerAgent = Math.min(8_388_608, maxBytes) } = options
  requireNumber('maxBytesPerAgent', maxBytesPerAgent, { min: 0, max: maxBytes })
  const memory = createMemory({ maxBytes, maxBytesPerAgent })
  return {
    name: 'memory',
    clear: memory.clear,
    begin: (request, { clock }) => {
      const nowMs = clock.monotonicMs()
      memory.forgetEnded(nowMs)
      const known = memory.entries.get(request.id)
      if (known !== undefined) return stateOf(known, request)
      if (memory.countOf(request.agentId) >= maxKeysPerAgent) return { state: 'over_quota' }
      if (memory.entries.size >= maxKeys) return { state: 'full' }
      const { fingerprint, agentId } = request
      const entry: Entry = { fingerprint, agentId, untilMs: nowMs + keepMs, outcome: 'running' }
      memory.add(request.id, entry)
      return {
        state: 'first',
        finish: (answer) => memory.finish(request.id, entry, answer),
        abandon: () => memory.remove(request.id, entry),
      }
    },
  }
}

function stateOf({ fingerprint, outcome }: Entry, request: KeyedRequest): KeyState {
  if (fingerprint !== request.fingerprint) return { state: 'reused' }
  return typeof outcome === 'string' ? { state: outcome } : { state: 'answered', answer: outcome }
}

interface Memory {
  /** In the order in which they end. */
  readonly entries: ReadonlyMap<string, Entry>
  readonly countOf: (agentId: string) => number
  readonly add: (id: string, entry: Entry) => void
  readonly finish: (id: string, entry: Entry, answer: KeptAnswer | undefined) => void
  readonly remove: (id: string, entry: Entry) => void
  readonly forgetEnded: (nowMs: number) => void
  readonly clear: () => void
}

/** What one agent takes up. */
interface Usage {
  keys: number
  bytes: number
}

interface ByteLimits {
  readonly maxBytes: number
  readonly maxBytesPerAgent: number
}

function createMemory({ maxBytes, maxBytesPerAgent }: ByteLimits): Memory {
  const entries = new Map<string, Entry>()
  const usages = new Map<string, Usage>()
  let bytes = 0
  const remove = (id: string, entry: Entry): void => {
    if (entries.get(id) !== entry) return
    entries.delete(id)
    const size = sizeOf(entry)
    bytes -= size
    const usage = usages.get(entry.agentId)
    if (usage === undefined) return
    usage.keys -= 1
    usage.bytes -= size
    if (usage.keys === 0) usages.delete(entry.agentId)
  }
  return {
    entries,
    countOf: (agentId) => usages.get(agentId)?.keys ?? 0,
    add: (id, entry) => {
      entries.set(id, entry)
      const usage = usages.get(entry.agentId)
      if (usage === undefined) usages.set(entry.agentId, { keys: 1, bytes: 0 })
      else usage.keys += 1
    },
    finish: (id, entry, answer) => {
      const usage = usages.get(entry.agentId)
      // The work took longer than keys are kept.
      if (entries.get(id) !== entry || usage === undefined) return
      const size = answer === undefined ? 0 : sizeOfAnswer(answer)
      const fits = bytes + size <= maxBytes && usage.bytes + size <= maxBytesPerAgent
      entry.outcome = answer !== undefined && fits ? answer : 'unkept'
      if (entry.outcome === 'unkept') return
      bytes += size
      usage.bytes += size
    },
    remove,
    forgetEnded: (nowMs) => {
      for (const [id, entry] of entries) {
        if (entry.untilMs > nowMs) return
        remove(id, entry)
      }
    },
    clear: () => {
      entries.clear()
      usages.clear()
      bytes = 0
    },
  }
}

function sizeOf({ outcome }: Entry): number {
  return typeof outcome === 'string' ? 0 : sizeOfAnswer(outcome)
}

/** Header fields count, too: an answer without a body can be large. */
function sizeOfAnswer({ headers, body }: KeptAnswer): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + String(value).length, body.length)
}
