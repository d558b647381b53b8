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
 * Tells doors, in the transaction that makes it true: what is not committed is not told, and what is told is never lost. The
 * lock of the registry keeps the numbers without a gap.
 * @returns the number of the last line
 */
export async function tellDoors(
  tables: Transaction<StopTables>,
  lines: readonly (Pick<DoorEventRow, 'action'> & { readonly event: Revoked })[],
  nowMs: number,
): Promise<number> {
  let seq = await findLastSeq(tables)
  for (const { action, event } of lines) {
    seq += 1
    await tables
      .insertInto('door_events')
      .values({ seq, at: nowMs, action, event: canonicalJson(event) })
      .execute()
  }
  return seq
}

/** The number of the last line; 0 before the first one. */
export async function findLastSeq(tables: Pick<Kysely<StopTables>, 'selectFrom'>): Promise<number> {
  const last = await tables.selectFrom('door_events').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  return last?.seq ?? 0
}

/** Lines behind a number, in order. */
export async function listDoorEvents(
  tables: Pick<Kysely<StopTables>, 'selectFrom'>,
  after: number,
  limit: number,
): Promise<readonly DoorEvent[]> {
  const query = tables.selectFrom('door_events').selectAll().where('seq', '>', after).orderBy('seq').limit(limit)
  const rows = await query.execute()
  return rows.map(({ seq, at, action, event }) => ({ seq, at, action, event: JSON.parse(event) }))
}
