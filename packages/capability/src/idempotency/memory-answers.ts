import { requireKnownOptions, requireNumber } from '@countermark/core'
import { requireSingleProcess } from '../single-process.ts'
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
}

interface Entry {
  readonly fingerprint: string
  readonly agentId: string
  readonly untilMs: number
  outcome: 'running' | 'unkept' | KeptAnswer
}

const KNOWN = ['allowSingleProcess', 'keepSeconds', 'maxKeys', 'maxKeysPerAgent', 'maxBytes']

/**
 * Keeps keys and answers in this process; a restart forgets them.
 * @throws {@link Misconfigured} `ERR_STORE_SINGLE_PROCESS`
 * @example
 * const idempotent = idempotency({ store: memoryAnswers() })
 */
export function memoryAnswers(options: MemoryAnswersOptions = {}): AnswerStore {
  requireKnownOptions('memoryAnswers', options, KNOWN)
  const { allowSingleProcess } = options
  requireSingleProcess({ name: 'memoryAnswers', instead: 'redisAnswers', allowSingleProcess })
  const keepMs = requireNumber('keepSeconds', options.keepSeconds ?? 86_400, { min: 1, max: 2_592_000 }) * 1000
  const maxKeys = requireNumber('maxKeys', options.maxKeys ?? 100_000, { min: 1 })
  const maxKeysPerAgent = requireNumber('maxKeysPerAgent', options.maxKeysPerAgent ?? 10_000, { min: 1 })
  const maxBytes = requireNumber('maxBytes', options.maxBytes ?? 67_108_864, { min: 0 })
  const memory = createMemory()
  return {
    name: 'memory',
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
        finish: (answer) => memory.finish(request.id, entry, { answer, maxBytes }),
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
  readonly finish: (
    id: string,
    entry: Entry,
    kept: { readonly answer?: KeptAnswer | undefined; readonly maxBytes: number },
  ) => void
  readonly remove: (id: string, entry: Entry) => void
  readonly forgetEnded: (nowMs: number) => void
}

function createMemory(): Memory {
  const entries = new Map<string, Entry>()
  const counts = new Map<string, number>()
  let bytes = 0
  const remove = (id: string, entry: Entry): void => {
    if (entries.get(id) !== entry) return
    entries.delete(id)
    bytes -= sizeOf(entry)
    const left = (counts.get(entry.agentId) ?? 1) - 1
    if (left === 0) counts.delete(entry.agentId)
    else counts.set(entry.agentId, left)
  }
  return {
    entries,
    countOf: (agentId) => counts.get(agentId) ?? 0,
    add: (id, entry) => {
      entries.set(id, entry)
      counts.set(entry.agentId, (counts.get(entry.agentId) ?? 0) + 1)
    },
    finish: (id, entry, { answer, maxBytes }) => {
      // The work took longer than keys are kept.
      if (entries.get(id) !== entry) return
      const fits = answer !== undefined && bytes + answer.body.length <= maxBytes
      entry.outcome = fits ? answer : 'unkept'
      bytes += sizeOf(entry)
    },
    remove,
    forgetEnded: (nowMs) => {
      for (const [id, entry] of entries) {
        if (entry.untilMs > nowMs) return
        remove(id, entry)
      }
    },
  }
}

function sizeOf({ outcome }: Entry): number {
  return typeof outcome === 'string' ? 0 : outcome.body.length
}
