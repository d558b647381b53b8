import type { Kysely, Transaction } from 'kysely'
import type { DoorRow, StopTables } from './stop-tables.ts'

/** What is known of a door. */
export interface DoorView {
  readonly id: string
  /** The last line that it has taken over. */
  readonly seq: number
  /** How many lines it has not taken over yet. */
  readonly behind: number
  /** When it was last heard. Unix milliseconds. */
  readonly lastSeen: number
  readonly silentForMs: number
}

/** How far a stop has come. */
export interface StopReach {
  /** Doors that count: those that were heard within a day. */
  readonly doors: number
  readonly reached: number
  /** How long it took until the last one of them said so. Milliseconds. */
  readonly lastMs: number | undefined
  /** Doors that have not said so. One that hears nothing refuses what is unsafe by itself. */
  readonly missing: readonly DoorView[]
}

const DAY_MS = 86_400_000
/** Doors say that they live each ten seconds; within them the database need not know it. */
const SEEN_EVERY_MS = 5_000

/** A door has taken lines over up to a number, or only says that it lives. */
export async function acknowledge(
  tables: Transaction<StopTables>,
  { door, seq }: { readonly door: string; readonly seq: number },
  nowMs: number,
): Promise<void> {
  const known = await tables.selectFrom('doors').selectAll().where('id', '=', door).executeTakeFirst()
  if (known !== undefined && known.seq === seq && nowMs - known.last_seen < SEEN_EVERY_MS) return
  const row: DoorRow = { id: door, first_seen: known?.first_seen ?? nowMs, last_seen: nowMs, seq }
  await tables
    .insertInto('doors')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ last_seen: nowMs, seq }))
    .execute()
  if (known?.seq === seq) return
  await tables
    .insertInto('door_acknowledgements')
    .values({ door, seq, at: nowMs })
    .onConflict((conflict) => conflict.columns(['door', 'seq']).doNothing())
    .execute()
  const old = tables.deleteFrom('door_acknowledgements').where('door', '=', door)
  await old.where('at', '<', nowMs - DAY_MS).execute()
}

/** Doors by id. */
export async function listDoors(
  tables: Pick<Kysely<StopTables>, 'selectFrom'>,
  lastSeq: number,
  nowMs: number,
): Promise<readonly DoorView[]> {
  const rows = await tables.selectFrom('doors').selectAll().orderBy('id').execute()
  return rows.map(({ id, seq, last_seen: lastSeen }) => ({
    ...{ id, seq, behind: Math.max(0, lastSeq - seq) },
    ...{ lastSeen, silentForMs: Math.max(0, nowMs - lastSeen) },
  }))
}

/** How far the line of this number has come, that was written at a moment. */
export async function findReach(
  tables: Pick<Kysely<StopTables>, 'selectFrom'>,
  { seq, at }: { readonly seq: number; readonly at: number },
  nowMs: number,
): Promise<StopReach> {
  const doors = (await listDoors(tables, seq, nowMs)).filter(({ silentForMs }) => silentForMs < DAY_MS)
  const rows = await tables
    .selectFrom('door_acknowledgements')
    .select(({ fn }) => ['door', fn.min('at').as('at')])
    .where('seq', '>=', seq)
    .groupBy('door')
    .execute()
  const times = new Map(rows.map((row) => [row.door, Number(row.at)]))
  const missing = doors.filter((door) => door.seq < seq)
  const heard = doors.filter((door) => door.seq >= seq).flatMap(({ id }) => times.get(id) ?? [])
  const lastMs = heard.length === 0 ? undefined : Math.max(0, ...heard.map((time) => time - at))
  return { doors: doors.length, reached: doors.length - missing.length, lastMs, missing }
}
