import type { Kysely } from 'kysely'
import { type DoorEvent, findLastSeq, listDoorEvents } from './door-events.ts'
import type { StopTables } from './stop-tables.ts'

/** Takes lines as they are committed, and a sign of life in between. */
export interface FeedListener {
  /** In order, without a gap. What throws is tried again with the same lines. */
  readonly take: (lines: readonly DoorEvent[]) => void | Promise<void>
  /** Nothing is missing up to this number. */
  readonly beat: (seq: number) => void | Promise<void>
  /** The authority is closed. */
  readonly end: () => void
}

/** Reads lines from the database as soon as they are committed, and hands them on. */
export interface DoorFeed {
  /** Says that something may have been committed here. What other processes commit is found within `pollMs`. */
  readonly poke: () => void
  /** Hands lines behind a number to a listener. @returns what ends it */
  readonly follow: (after: number, listener: FeedListener) => () => void
  /** Ends everything. */
  readonly close: () => void
}

/** What the feed is made of. */
export interface DoorFeedOptions {
  readonly reads: Kysely<StopTables>
  /** How often the database is asked for what other processes have committed. Milliseconds. @default 250 */
  readonly pollMs?: number
  /** How often listeners are told that nothing is missing. Milliseconds. @default 1000 */
  readonly beatMs?: number
  readonly report: (error: unknown) => void
}

const BATCH = 500

/** Creates the feed. It asks the database only while there is a listener. */
export function createDoorFeed({ reads, pollMs = 250, beatMs = 1000, report }: DoorFeedOptions): DoorFeed {
  const pumps = new Set<Pump>()
  let polling: NodeJS.Timeout | undefined
  let beating: NodeJS.Timeout | undefined
  const poke = (): void => {
    for (const pump of pumps) pump.poke()
  }
  const stop = (): void => {
    clearInterval(polling)
    clearInterval(beating)
    polling = undefined
  }
  return {
    poke,
    follow: (after, listener) => {
      const pump = createPump(after, listener, { reads, report })
      pumps.add(pump)
      pump.poke()
      polling ??= setInterval(poke, pollMs).unref()
      beating ??= setInterval(() => {
        for (const each of pumps) each.beat()
      }, beatMs).unref()
      return () => {
        pumps.delete(pump)
        if (pumps.size > 0) return
        stop()
        beating = undefined
      }
    },
    close: () => {
      stop()
      beating = undefined
      for (const pump of pumps) pump.end()
      pumps.clear()
    },
  }
}

interface Pump extends Pick<FeedListener, 'end'> {
  readonly poke: () => void
  readonly beat: () => void
}

/** One reading at a time for each listener; a poke during it leads to another one. */
function createPump(
  after: number,
  { take, beat, end }: FeedListener,
  { reads, report }: Pick<DoorFeedOptions, 'reads' | 'report'>,
): Pump {
  let done = after
  let isRunning = false
  let isWanted: 'no' | 'lines' | 'beat' = 'no'
  const round = async (): Promise<void> => {
    const isBeat = isWanted === 'beat'
    isWanted = 'no'
    for (;;) {
      const lines = await listDoorEvents(reads, done, BATCH)
      const last = lines.at(-1)
      if (last === undefined) break
      await take(lines)
      done = last.seq
    }
    if (isBeat) await beat(Math.max(done, await findLastSeq(reads)))
  }
  const run = async (): Promise<void> => {
    isRunning = true
    try {
      while (isWanted !== 'no') await round()
    } catch (error) {
      report(error)
    } finally {
      isRunning = false
    }
  }
  const want = (what: 'lines' | 'beat'): void => {
    if (isWanted !== 'beat') isWanted = what
    if (!isRunning) void run()
  }
  return { poke: () => want('lines'), beat: () => want('beat'), end }
}
