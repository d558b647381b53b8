import { OutboundError, RefreshCache, type RefreshCacheOptions } from '../src/index.ts'
import type { CacheContext, CacheEvent, Loaded, LoadRequest } from '../src/internal.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'

export interface Answer {
  readonly name: string
}

/** An origin that answers what it is told, and holds its answers back when told to. */
export interface ScriptedOrigin {
  readonly cache: RefreshCache<Answer, CacheContext>
  readonly clock: FakeClock
  readonly context: CacheContext
  /** Keys asked for, in order. */
  readonly asked: string[]
  readonly requests: LoadRequest<Answer, CacheContext>[]
  readonly events: CacheEvent[]
  /** What the next questions are answered with. */
  answer: (key: string) => Loaded<Answer> | undefined
  /** Resolves held answers. */
  readonly release: () => void
  hold: boolean
}

export function createScriptedOrigin(options: Partial<RefreshCacheOptions<Answer, CacheContext>> = {}): ScriptedOrigin {
  const clock = createFakeClock()
  const waiting: (() => void)[] = []
  const requests: LoadRequest<Answer, CacheContext>[] = []
  const asked: string[] = []
  const events: CacheEvent[] = []
  const cache = new RefreshCache<Answer, CacheContext>({
    load: async (request) => {
      asked.push(request.key)
      requests.push(request)
      if (origin.hold) await new Promise<void>((resolve) => waiting.push(resolve))
      return origin.answer(request.key)
    },
    observe: (event) => void events.push(event),
    ...options,
    times: { random: () => 0, ...options.times },
  })
  const origin: ScriptedOrigin = {
    ...{ cache, clock, asked, requests, events, hold: false },
    context: { clock },
    answer: (key) => ({ value: { name: key } }),
    release: () => {
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
  return origin
}

export function failing(details: { readonly retryAfterSeconds?: number } = {}): () => never {
  return () => {
    throw new OutboundError('connection_failed', 'no answer', details)
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export const SECOND = 1_000
export const MINUTE: number = 60 * SECOND
export const HOUR: number = 60 * MINUTE
