import type { Kysely } from 'kysely'
import { listDoorEvents } from '../stop/door-events.ts'
import type { StopTables } from '../stop/stop-tables.ts'
import type { TokenKeys } from '../tokens/issuing/sign-jwt.ts'
import type { EventTables, ReceiverRow } from './event-tables.ts'
import { signSecurityEvent, toSecurityEvent, VERIFICATION } from './security-event.ts'

/** One notice to one receiver. */
export interface Notice {
  /** The same for each attempt. */
  readonly id: string
  /** The line that is taken with it. */
  readonly seq: number
  readonly content: string
}

/** What is waiting for a receiver. */
export interface Waiting {
  readonly notices: readonly Notice[]
  /** The last line that was looked at: what lies before it and is no notice is not the receiver's. */
  readonly seen: number
  /** Whether nothing lies behind it. */
  readonly isAll: boolean
  /** How many lines behind the cursor are not kept any more: the receiver was away for too long. */
  readonly lost: number
}

/** What notices are written with. */
export interface NoticeRules {
  readonly reads: Kysely<EventTables & StopTables>
  readonly keys: TokenKeys
  readonly issuer: string
}

const BATCH = 100
/** Tells a webhook that acts were deleted before it took them. */
const LOST = 'events_lost'

/** Finds what a receiver has not taken yet, in order. */
export async function findWaiting(receiver: ReceiverRow, rules: NoticeRules, nowMs: number): Promise<Waiting> {
  return receiver.kind === 'webhook' ? findActs(receiver, rules, nowMs) : findSecurityEvents(receiver, rules, nowMs)
}

async function findActs(receiver: ReceiverRow, { reads }: NoticeRules, nowMs: number): Promise<Waiting> {
  const { cursor, tenant, events } = receiver
  const query = reads.selectFrom('outgoing_events').selectAll().where('seq', '>', cursor).orderBy('seq').limit(BATCH)
  const rows = await query.execute()
  const wanted: unknown = events === null ? undefined : JSON.parse(events)
  const fitting = rows.filter((row) => {
    return (tenant === null || row.tenant === tenant) && (!Array.isArray(wanted) || wanted.includes(row.event))
  })
  const lost = lostBefore(rows, cursor)
  const notices: Notice[] = fitting.map(({ id, seq, at, event, details }) => {
    const content = { type: event, timestamp: new Date(at).toISOString(), data: JSON.parse(details) }
    return { id, seq, content: JSON.stringify(content) }
  })
  if (lost > 0) notices.unshift(lossNotice(receiver, lost, nowMs))
  return { notices, seen: rows.at(-1)?.seq ?? cursor, isAll: rows.length < BATCH, lost }
}

/** Lines are numbered without gaps and the last one is always kept: a gap in front of the first one is what was deleted. */
function lostBefore([first]: readonly { readonly seq: number }[], cursor: number): number {
  return first === undefined ? 0 : Math.max(0, first.seq - cursor - 1)
}

/** What all tenants do together is not told to one of them. */
function lossNotice({ id, cursor, tenant }: ReceiverRow, lost: number, nowMs: number): Notice {
  const seq = cursor + lost
  const content = { type: LOST, timestamp: new Date(nowMs).toISOString(), data: tenant === null ? { lost } : {} }
  return { id: `evt_${id}_lost_${seq}`, seq, content: JSON.stringify(content) }
}

async function findSecurityEvents(
  receiver: ReceiverRow,
  { reads, keys, issuer }: NoticeRules,
  nowMs: number,
): Promise<Waiting> {
  const { id, cursor, audience, events, verification } = receiver
  const wanted: unknown = events === null ? undefined : JSON.parse(events)
  const about = { issuer, audience: audience ?? '', nowMs }
  const notices: Notice[] = []
  if (verification !== null) {
    const event = { type: VERIFICATION, subject: { format: 'opaque', id }, members: { state: verification } }
    const setId = `set_${id}_verification_${Buffer.from(verification).toString('base64url')}`
    notices.push({ id: setId, seq: cursor, content: await signSecurityEvent(keys, event, { ...about, id: setId }) })
  }
  const lines = await listDoorEvents(reads, cursor, BATCH)
  for (const line of lines) {
    const event = toSecurityEvent(line, issuer)
    if (event === undefined || (Array.isArray(wanted) && !wanted.includes(event.type))) continue
    const setId = `set_${id}_${line.seq}`
    notices.push({ id: setId, seq: line.seq, content: await signSecurityEvent(keys, event, { ...about, id: setId }) })
  }
  return { notices, seen: lines.at(-1)?.seq ?? cursor, isAll: lines.length < BATCH, lost: lostBefore(lines, cursor) }
}
