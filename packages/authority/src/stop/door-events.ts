import { canonicalJson } from '@countermark/core/internal'
import type { Kysely, Transaction } from 'kysely'
import type { DoorEventRow, StopTables } from './stop-tables.ts'

/** What doors may be told of: the names that @countermark/delegation revokes by. */
export type Revoked =
  | { readonly type: 'token'; readonly issuer: string; readonly tokenId: string; readonly expiresAt?: number }
  | { readonly type: 'agent'; readonly agentId: string }
  | { readonly type: 'key'; readonly thumbprint: string }
  | { readonly type: 'chain'; readonly issuer: string; readonly transaction: string; readonly issuedBefore: number }
  | { readonly type: 'user'; readonly issuer: string; readonly subject: string; readonly issuedBefore: number }

/** One line as doors read it. */
export interface DoorEvent {
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly action: DoorEventRow['action']
  readonly event: Revoked
}

/**
 * How long lines are kept. What ends tokens is over by then: none lives longer than a day. Agents and keys that are stopped for
 * longer are in the picture that a door takes instead.
 */
const KEPT_MS = 25 * 3_600_000
/** A writer deletes at most so many old lines, or twice as many as it writes. */
const PRUNED_AT_ONCE = 100
/** Rows in one statement. */
const WRITTEN_AT_ONCE = 500

type Reads = Pick<Kysely<StopTables>, 'selectFrom'>

/**
 * Tells doors, in the transaction that makes it true: what is not committed is not told, and what is told is never lost. The
 * lock of the registry keeps the numbers without a gap.
 * @returns the number of the last line
 */
export async function tellDoors(
  tables: Transaction<StopTables>,
  lines: readonly (Pick<DoorEventRow, 'action'> & { readonly event: Revoked })[],
  nowMs: number,
): Promise<number> {
  const before = await findLastSeq(tables)
  const rows = lines.map(({ action, event }, index) => ({
    ...{ seq: before + index + 1, at: nowMs, action },
    event: canonicalJson(event),
  }))
  for (let start = 0; start < rows.length; start += WRITTEN_AT_ONCE) {
    await tables
      .insertInto('door_events')
      .values(rows.slice(start, start + WRITTEN_AT_ONCE))
      .execute()
  }
  if (rows.length > 0) await prune(tables, nowMs - KEPT_MS, Math.max(PRUNED_AT_ONCE, 2 * rows.length))
  return before + rows.length
}

/** Deletes lines from the oldest on, and never the last one: the numbers go on from it. */
async function prune(tables: Transaction<StopTables>, beforeMs: number, most: number): Promise<void> {
  const oldest = await tables.selectFrom('door_events').select(['seq', 'at']).orderBy('seq').limit(most).execute()
  const kept = oldest.findIndex(({ at }) => at >= beforeMs)
  // A clock that was set back leaves lines behind for later, and no gap.
  const old = kept < 0 ? oldest : oldest.slice(0, kept)
  const last = old.at(-1)?.seq
  if (last === undefined) return
  const end = Math.min(last, (await findLastSeq(tables)) - 1)
  await tables.deleteFrom('door_events').where('seq', '<=', end).execute()
}

/** The number of the last line; 0 before the first one. */
export async function findLastSeq(tables: Reads): Promise<number> {
  const last = await tables.selectFrom('door_events').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  return last?.seq ?? 0
}

/** The number of the last line that is not kept any more; 0 when all are. */
export async function findEdge(tables: Reads): Promise<number> {
  const first = await tables.selectFrom('door_events').select('seq').orderBy('seq').limit(1).executeTakeFirst()
  return first === undefined ? 0 : first.seq - 1
}

/** Lines behind a number, in order. */
export async function listDoorEvents(tables: Reads, after: number, limit: number): Promise<readonly DoorEvent[]> {
  const query = tables.selectFrom('door_events').selectAll().where('seq', '>', after).orderBy('seq').limit(limit)
  const rows = await query.execute()
  return rows.map(({ seq, at, action, event }) => ({ seq, at, action, event: JSON.parse(event) }))
}
