import type { Kysely } from 'kysely'
import type { AuditTables } from './audit-tables.ts'

const PAGE = 1000

/** The lines of a chain, in order. */
export async function* readSqlChain(db: Kysely<AuditTables>, chain: string): AsyncIterable<string> {
  let after = 0
  while (true) {
    const page = await db
      .selectFrom('countermark_audit')
      .select(['seq', 'line'])
      .where('chain', '=', chain)
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(PAGE)
      .execute()
    for (const { seq, line } of page) {
      after = Number(seq)
      yield line
    }
    if (page.length < PAGE) return
  }
}

/** Names of the chains that are kept. */
export async function listSqlChains(db: Kysely<AuditTables>): Promise<readonly string[]> {
  const rows = await db.selectFrom('countermark_audit').select('chain').distinct().orderBy('chain').execute()
  return rows.map(({ chain }) => chain)
}
