import type { Clock } from '@countermark/core'
import { type Fetcher, isOutboundError, signWebhook, webhookSecrets } from '@countermark/outbound'
import type { SealAtRest } from '../signing-keys/sealed-key.ts'
import type { StoredTables } from '../storage/store.ts'
import type { EventTables, ReceiverRow } from './event-tables.ts'
import { findWaiting, type Notice, type NoticeRules } from './notices.ts'

/** Sends what is waiting. */
export interface EventSender {
  /** Sends to every receiver that is due, one after another. @returns how many notices were taken */
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
  readonly countNotice: (result: 'taken' | 'refused' | 'failed') => void
}

const POLL_MS = 1000
/** One process sends to a receiver at a time; one that dies lets go after this long. */
const LEASE_MS = 60_000
const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 3_600_000

/** Creates the sender. It asks the database for receivers only when it is poked, or each second. */
export function createEventSender(options: EventSenderOptions): EventSender {
  let running: Promise<number> | undefined
  let polling: NodeJS.Timeout | undefined
  let isWanted = false
  const deliver = async (): Promise<number> => {
    while (running !== undefined) await running
    running = deliverAll(options).finally(() => {
      running = undefined
    })
    return running
  }
  const poke = (): void => {
    if (isWanted) return
    isWanted = true
    setImmediate(() => {
      isWanted = false
      if (polling !== undefined) deliver().catch(options.onFault)
    })
  }
  return {
    ...{ deliver, poke },
    start: () => {
      polling ??= setInterval(poke, POLL_MS).unref()
    },
    close: async () => {
      clearInterval(polling)
      polling = undefined
      await running?.catch(() => undefined)
    },
  }
}

async function deliverAll(options: EventSenderOptions): Promise<number> {
  const { reads, clock } = options
  const nowMs = clock.wallMs()
  const due = await reads
    .selectFrom('event_receivers')
    .selectAll()
    .where('kind', '!=', 'ssf-poll')
    .where('next_at', '<=', nowMs)
    .where('leased_until', '<=', nowMs)
    .execute()
  let taken = 0
  for (const receiver of due) {
    const { notices, seen } = await findWaiting(receiver, options, nowMs)
    if (notices.length === 0 && seen === receiver.cursor) continue
    if (await lease(receiver, options)) taken += await deliverTo(receiver, { notices, seen }, options)
  }
  return taken
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

async function deliverTo(
  receiver: ReceiverRow,
  { notices, seen }: { readonly notices: readonly Notice[]; readonly seen: number },
  options: EventSenderOptions,
): Promise<number> {
  let taken = 0
  for (const notice of notices) {
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
