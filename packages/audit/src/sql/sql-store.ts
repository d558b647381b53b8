import { requireKnownOptions } from '@countermark/core'
import type { Kysely } from 'kysely'
import { parseLine } from '../parse-line.ts'
import { isPruned, prunedLine } from '../retention/pruned-line.ts'
import type { ChangeRecord, TrailStore } from '../retention/trail-store.ts'
import { lineOf } from '../seal-record.ts'
import type { AuditTables } from './audit-tables.ts'
import { requireDatabase } from './database.ts'
import { listSqlChains, readSqlPage } from './read-chain.ts'

/** Options of {@link sqlStore}. */
export interface SqlStoreOptions<Database> {
  /** The database of {@link sqlSink}. */
  readonly db: Kysely<Database>
}

const PAGE = 200

/**
 * The table of a trail, for erasure and pruning, also while it is written. Changes are made in transactions of two hundred
 * records: what a failure interrupts is done by the next run.
 * @throws {@link Misconfigured}
 */
export function sqlStore<Database>(options: SqlStoreOptions<Database>): TrailStore {
  requireKnownOptions('sqlStore', options, ['db'])
  const db = requireDatabase('sqlStore', options.db)
  return {
    change: async (change) => {
      for (const chain of await listSqlChains(db)) await changeChain(db, chain, change)
    },
  }
}

async function changeChain(db: Kysely<AuditTables>, chain: string, change: ChangeRecord): Promise<void> {
  let after: number | undefined = 0
  while (after !== undefined) after = await changePage(db, { chain, after }, change)
}

/** Answers with the last place of the page; `undefined` behind the last page. */
function changePage(
  db: Kysely<AuditTables>,
  { chain, after }: { readonly chain: string; readonly after: number },
  change: ChangeRecord,
): Promise<number | undefined> {
  return db.transaction().execute(async (transaction) => {
    const page = await readSqlPage(transaction, { chain, after, limit: PAGE })
    for (const { seq, line } of page) {
      const columns = changedColumns(line, change)
      if (columns === undefined) continue
      const update = transaction.updateTable('countermark_audit').set(columns).where('chain', '=', chain)
      await update.where('seq', '=', Number(seq)).execute()
    }
    const last = page.at(-1)
    return last === undefined ? undefined : Number(last.seq)
  })
}

function changedColumns(line: string, change: ChangeRecord) {
  const sealed = parseLine(Buffer.from(line))
  const changed = sealed && change(sealed)
  if (changed === undefined) return undefined
  if (!isPruned(changed)) return { line: lineOf(changed), subject: changed.private['user']?.value ?? null }
  return { line: prunedLine(changed), subject: null, agent: null, request_id: null }
}
