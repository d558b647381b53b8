import type { Kysely } from 'kysely'
import { type DoorEvent, findLastSeq, listDoorEvents } from './door-events.ts'
import type { StopTables } from './stop-tables.ts'

/** Takes lines as they are committed, and a sign of life in between. */
export interface FeedListener {
  /** In order, without a gap. What throws is tried again with the same lines. */
  readonly take: (lines: readonly DoorEvent[]) => void | Promise<void>
  /** Nothing is missing up to this number. */
  readonly beat: (seq: number) => void | Promise<void>
  /** The authority is closed, or its database was set back: the listener begins again. */
  readonly end: () => void
}

/** Reads lines from the database as soon as they are committed, and hands them on. */
export interface DoorFeed {
  /** Says that something may have been committed. What other processes commit unsaid is found within `pollMs`. */
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

/** Creates the feed. It asks the database only while there is a listener: one question for all of them. */
export function createDoorFeed({ reads, pollMs = 250, beatMs = 1000, report }: DoorFeedOptions): DoorFeed {
  const pumps = new Set<Pump>()
  const looks = { begun: 0 }
  const readLines = createSharedReading(reads)
  const timers: NodeJS.Timeout[] = []
  const look = createLook(
    async () => {
      looks.begun += 1
      return { last: await findLastSeq(reads), number: looks.begun }
    },
    (seen, isBeat) => {
      for (const pump of pumps) if (!pump.hear(seen, isBeat)) pumps.delete(pump)
    },
    report,
  )
  const rest = (): void => {
    for (const timer of timers.splice(0)) clearInterval(timer)
  }
  const poke = (): void => {
    if (pumps.size > 0) look('lines')
  }
  return {
    poke,
    follow: (after, listener) => {
      const pump = createPump(after, listener, { readLines, report, looks })
      pumps.add(pump)
      poke()
      if (timers.length === 0)
        timers.push(setInterval(poke, pollMs).unref(), setInterval(() => look('beat'), beatMs).unref())
      return () => {
        pumps.delete(pump)
        if (pumps.size === 0) rest()
      }
    },
    close: () => {
      rest()
      for (const pump of pumps) pump.end()
      pumps.clear()
    },
  }
}

/** What a look has found: the last line, and which look it was. */
interface Seen {
  readonly last: number
  readonly number: number
}

/** One look at a time; what asks for one meanwhile gets another. A database that cannot be asked is reported once. */
function createLook(
  findLast: () => Promise<Seen>,
  tell: (seen: Seen, isBeat: boolean) => void,
  report: (error: unknown) => void,
): (what: 'lines' | 'beat') => void {
  let wanted: 'no' | 'lines' | 'beat' = 'no'
  let isRunning = false
  let isFailing = false
  const run = async (): Promise<void> => {
    isRunning = true
    while (wanted !== 'no') {
      const isBeat = wanted === 'beat'
      wanted = 'no'
      try {
        tell(await findLast(), isBeat)
        isFailing = false
      } catch (error) {
        if (!isFailing) report(error)
        isFailing = true
      }
    }
    isRunning = false
  }
  return (what) => {
    if (wanted !== 'beat') wanted = what
    if (!isRunning) void run()
  }
}

type ReadLines = (after: number) => Promise<readonly DoorEvent[]>

/** Listeners that are at the same line read what follows it once. */
function createSharedReading(reads: Kysely<StopTables>): ReadLines {
  const running = new Map<number, Promise<readonly DoorEvent[]>>()
  return (after) => {
    const known = running.get(after)
    if (known !== undefined) return known
    const reading = listDoorEvents(reads, after, BATCH).finally(() => running.delete(after))
    running.set(after, reading)
    return reading
  }
}

interface Pump {
  /** @returns whether the listener goes on */
  readonly hear: (seen: Seen, isBeat: boolean) => boolean
  readonly end: () => void
}

interface PumpOptions {
  readonly readLines: ReadLines
  readonly report: (error: unknown) => void
  readonly looks: { readonly begun: number }
}

/** One reading at a time for each listener. */
function createPump(after: number, { take, beat, end }: FeedListener, { readLines, report, looks }: PumpOptions): Pump {
  let done = after
  /** The look that had begun when the listener got so far: an earlier one may have seen less. */
  let doneAt = looks.begun
  let wanted = after
  let isRunning = false
  const run = async (): Promise<void> => {
    isRunning = true
    try {
      while (done < wanted) {
        const lines = await readLines(done)
        const last = lines.at(-1)
        if (last === undefined) break
        await take(lines)
        done = last.seq
        doneAt = looks.begun
      }
    } catch (error) {
      report(error)
    } finally {
      isRunning = false
    }
  }
  return {
    hear: ({ last, number }, isBeat) => {
      // Lines that were handed on are gone: the listener counts wrongly from here.
      if (last < done && number > doneAt) {
        end()
        return false
      }
      wanted = Math.max(wanted, last)
      if (isRunning) return true
      if (done < last) void run()
      else if (isBeat) void beat(done)
      return true
    },
    end,
  }
}
