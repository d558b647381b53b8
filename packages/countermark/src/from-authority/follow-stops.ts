import { isJsonObject } from '@countermark/core/internal'
import type { AuthorityConnection } from './authority-connection.ts'
import { catchUp } from './catch-up.ts'
import { isSeq, readStopLine, type StopLine, type StopLog } from './stop-log.ts'

/** One way in which lines are pushed. */
export interface StopPush {
  /** The closed word for it. */
  readonly name: 'stream' | 'redis'
  /**
   * Listens for lines behind a number. Ends when the link does, when a listener says that something is missing, or when it is
   * told to. @throws Error
   */
  readonly listen: (after: number, listener: PushListener, signal: AbortSignal) => Promise<void>
}

/** Takes what is pushed. Both say whether nothing is missing. */
export interface PushListener {
  readonly take: (lines: readonly StopLine[]) => boolean
  readonly beat: (seq: number) => boolean
}

/** How a door follows. */
export interface FollowOptions {
  readonly door: string
  readonly log: StopLog
  readonly connection: AuthorityConnection
  /** In the order in which they are tried; when all fail, the door asks again and again. */
  readonly pushes: readonly StopPush[]
  /** Told why a link ended. */
  readonly onLost: (error: unknown) => void
}

/** A door that follows. */
export interface FollowedStops {
  /** Resolves when everything is known for the first time. */
  readonly ready: Promise<void>
  /** What it listens to at this moment. */
  readonly link: () => StopPush['name'] | 'polling'
  readonly close: () => void
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
const SEEN_EVERY_MS = 5000

/** Follows the stops of an authority: what is missed is asked for, and what is new is pushed. */
export function followStops(options: FollowOptions): FollowedStops {
  const { door, log, connection, pushes, onLost } = options
  const closing = new AbortController()
  const tell = createAcknowledger(door, log, connection)
  const seen = setInterval(tell, SEEN_EVERY_MS).unref()
  let link: StopPush['name'] | 'polling' = 'polling'
  let settle: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    settle = resolve
  })
  const listener = (heard: () => void): PushListener => ({
    take: (lines) => {
      const before = log.seq()
      const isWhole = log.take(lines)
      if (log.seq() !== before) tell()
      heard()
      return isWhole
    },
    beat: (seq) => {
      heard()
      return log.beat(seq)
    },
  })
  const run = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      try {
        await catchUp(door, log, connection)
        settle()
        tell()
        const push = pushes[failures % pushes.length]
        await push?.listen(
          log.seq(),
          listener(() => {
            link = push.name
          }),
          closing.signal,
        )
        // A push that ends by itself has found that something is missing.
        if (link !== 'polling') failures = -1
      } catch (error) {
        if (!closing.signal.aborted) onLost(error)
        if (link !== 'polling') failures = -1
      }
      link = 'polling'
      await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures)), closing.signal)
    }
  }
  void run()
  return {
    ready,
    link: () => link,
    close: () => {
      closing.abort()
      clearInterval(seen)
    },
  }
}

/**
 * One acknowledgement at a time; what is taken over meanwhile is in the next one. The answer names the last line: what a push has
 * lost without a trace is asked for.
 */
function createAcknowledger(door: string, log: StopLog, connection: AuthorityConnection): () => void {
  const { ask } = connection
  let isSending = false
  let isWanted = false
  const send = async (): Promise<void> => {
    isSending = true
    while (isWanted) {
      isWanted = false
      try {
        const { seq } = await ask('PUT', `/doors/${encodeURIComponent(door)}`, { seq: log.seq() })
        if (!isSeq(seq) || seq <= log.seq()) continue
        await catchUp(door, log, connection)
        isWanted = true
      } catch {
        // The authority sees that it was not told; the next line, or the next five seconds, tell it.
      }
    }
    isSending = false
  }
  return () => {
    isWanted = true
    if (!isSending) void send()
  }
}

/** The stream of the authority itself. */
export function streamPush(door: string, { read }: AuthorityConnection): StopPush {
  return {
    name: 'stream',
    listen: async (after, { take, beat }, signal) => {
      const ending = new AbortController()
      const limits = { silenceMs: SILENCE_MS, signal: AbortSignal.any([signal, ending.signal]) }
      const listener = (event: string, data: unknown): void => {
        const isWhole = event === 'alive' ? beat(seqOf(data)) : take([readStopLine(data)])
        if (!isWhole) ending.abort(new Error('something is missing'))
      }
      await read(`/doors/${encodeURIComponent(door)}/events?after=${after}`, listener, limits)
    },
  }
}

/** The authority gives a sign of life each second. */
const SILENCE_MS = 3500

function seqOf(data: unknown): number {
  if (isJsonObject(data) && isSeq(data['seq'])) return data['seq']
  throw new TypeError('the authority has sent what is no sign of life')
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms).unref()
    signal.addEventListener('abort', end)
  })
}
