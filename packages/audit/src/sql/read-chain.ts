import type { Kysely, Selectable } from 'kysely'
import type { FoundTrail } from '../sinks/audit-sink.ts'
import type { AuditRow, AuditTables } from './audit-tables.ts'

const PAGE = 1000

/** The lines of a chain, in order. */
export async function* readSqlChain(db: Kysely<AuditTables>, chain: string): AsyncIterable<string> {
  let after = 0
  while (true) {
    const page = await readSqlPage(db, { chain, after, limit: PAGE })
    for (const { seq, line } of page) {
      after = Number(seq)
      yield line
    }
    if (page.length < PAGE) return
  }
}

/** Part of a chain. */
export interface SqlPage {
  readonly chain: string
  /** The place of the record before. */
  readonly after: number
  /** Most records. */
  readonly limit: number
}

/** The next records of a chain, in order. */
export function readSqlPage(
  db: Kysely<AuditTables>,
  { chain, after, limit }: SqlPage,
): Promise<readonly Pick<Selectable<AuditRow>, 'seq' | 'line'>[]> {
  return db
    .selectFrom('countermark_audit')
    .select(['seq', 'line'])
    .where('chain', '=', chain)
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit)
    .execute()
}

/** Names of the chains that are kept. */
export async function listSqlChains(db: Kysely<AuditTables>): Promise<readonly string[]> {
  const rows = await db.selectFrom('countermark_audit').select('chain').distinct().orderBy('chain').execute()
  return rows.map(({ chain }) => chain)
}

/** Where the chain ended that began last: names begin with the time. */
export async function findSqlEnd(db: Kysely<AuditTables>): Promise<FoundTrail> {
  const last = await db
    .selectFrom('countermark_audit')
    .select(['chain', 'seq', 'hash'])
    .orderBy('chain', 'desc')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last === undefined ? {} : { end: { ...last, seq: Number(last.seq) } }
}
