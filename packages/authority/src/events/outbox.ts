import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import type { EventTables, OutgoingEventRow } from './event-tables.ts'

/** How long acts are kept for receivers that do not answer. */
const KEPT_MS = 3 * 86_400_000

/** An act as it is told. */
export interface ToldAct {
  readonly event: string
  /** No secret and no person. */
  readonly details: Readonly<Record<string, unknown>>
}

/**
 * Writes an act down for those who are told of it, in the transaction that makes it true: what is not committed is not told, and
 * what is told is never lost. The lock of the registry keeps the numbers in order.
 */
export async function noteAct(inside: unknown, { event, details }: ToldAct, nowMs: number): Promise<void> {
  const tables = inside as Transaction<EventTables>
  const seq = (await findLastAct(tables)) + 1
  const { tenant } = details
  const row: OutgoingEventRow = {
    ...{ seq, id: `evt_${randomUUID()}`, at: nowMs, event, tenant: typeof tenant === 'string' ? tenant : null },
    details: JSON.stringify(details),
  }
  await tables.insertInto('outgoing_events').values(row).execute()
  await tables
    .deleteFrom('outgoing_events')
    .where('at', '<', nowMs - KEPT_MS)
    .where('seq', '<', seq)
    .execute()
}

/** The number of the last act; 0 before the first one. */
export async function findLastAct(tables: Pick<Kysely<EventTables>, 'selectFrom'>): Promise<number> {
  const query = tables.selectFrom('outgoing_events').select('seq').orderBy('seq', 'desc').limit(1)
  return (await query.executeTakeFirst())?.seq ?? 0
}
