import type { Clock } from '@countermark/core'
import { type Fetcher, isOutboundError, signWebhook, webhookSecrets } from '@countermark/outbound'
import type { SealAtRest } from '../signing-keys/sealed-key.ts'
import type { StoredTables } from '../storage/store.ts'
import type { EventTables, ReceiverRow } from './event-tables.ts'
import type { LossWatch } from './loss-watch.ts'
import { findWaiting, type Notice, type NoticeRules, type Waiting } from './notices.ts'

/** Sends what is waiting. */
export interface EventSender {
  /** Sends to every receiver that is due. @returns how many notices were taken */
  readonly deliver: () => Promise<number>
  /** Does so soon, behind what is going on. */
  readonly poke: () => void
  /** Begins to look each second: for what other processes have committed, and for what is due again. */
  readonly start: () => void
  readonly close: () => Promise<void>
}

/** What it is made of. */
export interface EventSenderOptions extends NoticeRules {
  readonly stored: StoredTables<EventTables>
  readonly fetcher: Fetcher
  readonly seal: SealAtRest
  readonly clock: Clock
  readonly onFault: (error: unknown) => void
  readonly watchLoss: LossWatch
  readonly countNotice: (result: 'taken' | 'refused' | 'failed') => void
}

const POLL_MS = 1000
/** One process sends to a receiver at a time; one that dies lets go after this long. */
const LEASE_MS = 60_000
const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 3_600_000

/** How long one receiver is sent to before the others that wait for the process are looked at again, and well within its lease. */
const TURN_MS = 30_000

/**
 * Creates the sender. It asks the database for receivers only when it is poked, or each second. Each is sent to by itself: one that
 * is slow, or cannot be sent to at all, holds up no other.
 */
export function createEventSender(options: EventSenderOptions): EventSender {
  const running = new Map<string, Promise<number>>()
  let polling: NodeJS.Timeout | undefined
  let isWanted = false
  const enqueue = (id: string): Promise<number> => {
    const before = running.get(id)?.catch(() => 0) ?? Promise.resolve(0)
    const turn: Promise<number> = before
      .then(() => deliverTo(id, options))
      .finally(() => {
        if (running.get(id) === turn) running.delete(id)
      })
    running.set(id, turn)
    return turn
  }
  const rounds = new Set<Promise<number>>()
  const deliverAll = (busy: 'behind-busy' | 'past-busy'): Promise<number> => {
    const round: Promise<number> = deliverDue(busy).finally(() => rounds.delete(round))
    rounds.add(round)
    return round
  }
  const deliverDue = async (busy: 'behind-busy' | 'past-busy'): Promise<number> => {
    const due = await findDue(options)
    const ids = busy === 'behind-busy' ? new Set([...due, ...running.keys()]) : due.filter((id) => !running.has(id))
    return sumOf(await Promise.allSettled([...ids].map(enqueue)))
  }
  const poke = (): void => {
    if (isWanted) return
    isWanted = true
    setImmediate(() => {
      isWanted = false
      if (polling !== undefined) deliverAll('past-busy').catch(options.onFault)
    })
  }
  return {
    deliver: () => deliverAll('behind-busy'),
    poke,
    start: () => {
      polling ??= setInterval(poke, POLL_MS).unref()
    },
    close: async () => {
      clearInterval(polling)
      polling = undefined
      await Promise.allSettled(rounds)
    },
  }
}

function sumOf(results: readonly PromiseSettledResult<number>[]): number {
  let taken = 0
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason
    taken += result.value
  }
  return taken
}

async function findDue({ reads, clock }: EventSenderOptions): Promise<readonly string[]> {
  const query = reads.selectFrom('event_receivers').select('id').where('kind', '!=', 'ssf-poll')
  return (await query.where('next_at', '<=', clock.wallMs()).execute()).map(({ id }) => id)
}

/** One receiver's turn, by what its row says now. */
async function deliverTo(id: string, options: EventSenderOptions): Promise<number> {
  const nowMs = options.clock.wallMs()
  const query = options.reads.selectFrom('event_receivers').selectAll().where('id', '=', id)
  const due = query.where('next_at', '<=', nowMs).where('leased_until', '<=', nowMs)
  const receiver = await due.executeTakeFirst()
  if (receiver === undefined) return 0
  const waiting = await findWaiting(receiver, options, nowMs)
  options.watchLoss(receiver, waiting)
  if (waiting.notices.length === 0 && waiting.seen === receiver.cursor) return 0
  return (await lease(receiver, options)) ? sendAll(receiver, waiting, options) : 0
}

/** Of several processes one sends: the row tells, not what was read before. */
function lease({ id, cursor }: ReceiverRow, { stored, clock }: EventSenderOptions): Promise<boolean> {
  const nowMs = clock.wallMs()
  return stored.transaction(`event-receiver:${id}`, async (tables) => {
    const rows = await tables
      .updateTable('event_receivers')
      .set({ leased_until: nowMs + LEASE_MS })
      .where('id', '=', id)
      .where('cursor', '=', cursor)
      .where('leased_until', '<=', nowMs)
      .returning('id')
      .execute()
    return rows.length === 1
  })
}

async function sendAll(
  receiver: ReceiverRow,
  { notices, seen }: Waiting,
  options: EventSenderOptions,
): Promise<number> {
  const { monotonicMs } = options.clock
  const endMs = monotonicMs() + TURN_MS
  let taken = 0
  for (const notice of notices) {
    if (!(monotonicMs() < endMs)) {
      await settle(receiver, { cursor: notices[taken - 1]?.seq ?? receiver.cursor, failures: 0 }, options)
      return taken
    }
    const { result, retryAfterSeconds } = await send(receiver, notice, options)
    options.countNotice(result)
    // What the receiver refuses for good must not hold up what comes after it.
    if (result === 'failed') {
      await settle(
        receiver,
        { cursor: notices[taken - 1]?.seq ?? receiver.cursor, failures: receiver.failures + 1, retryAfterSeconds },
        options,
      )
      return taken
    }
    taken += 1
  }
  await settle(receiver, { cursor: seen, failures: 0 }, options)
  return taken
}

interface Sent {
  readonly result: 'taken' | 'refused' | 'failed'
  readonly retryAfterSeconds?: number | undefined
}

async function send(receiver: ReceiverRow, { id, content }: Notice, options: EventSenderOptions): Promise<Sent> {
  const { fetcher, seal, clock } = options
  const { kind, url, secret } = receiver
  const opened = secret === null ? undefined : seal.open(`event-receiver ${receiver.id}`, secret).toString('utf8')
  const headers: Readonly<Record<string, string>> =
    kind === 'webhook'
      ? signWebhook({ id, atMs: clock.wallMs(), content }, webhookSecrets('secret', opened))
      : {
          'content-type': 'application/secevent+jwt',
          ...(opened === undefined ? {} : { authorization: opened }),
        }
  try {
    const { status, retryAfterSeconds } = await fetcher.notify(url ?? '', content, headers)
    if (status >= 200 && status < 300) return { result: 'taken' }
    // RFC 8935 section 2.3: the receiver says that this token is no good.
    return { result: kind === 'ssf-push' && status === 400 ? 'refused' : 'failed', retryAfterSeconds }
  } catch (error) {
    if (!isOutboundError(error)) throw error
    return { result: 'failed' }
  }
}

function settle(
  { id, verification }: ReceiverRow,
  to: { readonly cursor: number; readonly failures: number; readonly retryAfterSeconds?: number | undefined },
  { stored, clock }: EventSenderOptions,
): Promise<void> {
  const { cursor, failures, retryAfterSeconds = 0 } = to
  const pauseMs = failures === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20))
  const nextAt = clock.wallMs() + Math.max(pauseMs, Math.min(retryAfterSeconds * 1000, LONGEST_PAUSE_MS))
  return stored.transaction(`event-receiver:${id}`, async (tables) => {
    const all = tables.updateTable('event_receivers').where('id', '=', id)
    await all.set({ cursor, failures, next_at: failures === 0 ? 0 : nextAt, leased_until: 0 }).execute()
    if (failures > 0 || verification === null) return
    await all.set({ verification: null }).where('verification', '=', verification).execute()
  })
}
