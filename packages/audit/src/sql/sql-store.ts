import { custom, methods, optionTable } from '@countermark/core/internal'
import type { Kysely } from 'kysely'
import { isPruned, parseLine, parsePlaced, placedLine } from '../record/read-trail.ts'
import { type ChangeRecord, refuseTampered, type TrailStore } from '../retention/trail-store.ts'
import { type Anchors, NO_ANCHORS } from '../verify/anchors.ts'
import { ChainVerifier } from '../verify/chain-verifier.ts'
import type { Finding } from '../verify/check-record.ts'
import { type AuditTables, listSqlChains, readSqlChain, readSqlPage, requireDatabase } from './audit-table.ts'

/** Options of {@link sqlStore}. */
export interface SqlStoreOptions<Database> {
  /** The database of {@link sqlSink}. */
  readonly db: Kysely<Database>
  /** Checkpoints that must hold before anything is changed. @default none: the chains must hold by themselves */
  readonly anchors?: Anchors
}

const OPTIONS = optionTable('sqlStore', {
  db: custom((_, given, owner) => requireDatabase(owner, given)),
  anchors: methods<Anchors>(['find', 'ends']),
})

const PAGE = 200

/**
 * The table of a trail, for erasure and pruning, also while it is written. Changes are made in transactions of two hundred
 * records: what a failure interrupts is done by the next run.
 * @throws {@link Misconfigured}
 */
export function sqlStore<Database>(options: SqlStoreOptions<Database>): TrailStore {
  const { db, anchors = NO_ANCHORS } = OPTIONS.read(options)
  return {
    verify: () => verifyRows(db, anchors),
    change: async (change) => {
      for (const chain of await listSqlChains(db)) await changeChain(db, chain, change)
    },
  }
}

async function verifyRows(db: Kysely<AuditTables>, anchors: Anchors): Promise<void> {
  const verifier = new ChainVerifier(anchors, { partial: false })
  refuseTampered(anchors.problems.map((message) => ({ kind: 'checkpoint', message })))
  for (const chain of await listSqlChains(db)) {
    for await (const line of readSqlChain(db, chain)) refuseTampered(checkLine(line, chain, verifier))
  }
  refuseTampered(verifier.finish())
}

function checkLine(line: string, chain: string, verifier: ChainVerifier): readonly Finding[] {
  const placed = parsePlaced(Buffer.from(line))
  if (placed === undefined) return [{ kind: 'malformed', message: `chain ${chain} holds a line that is not a record` }]
  const { own, place } = verifier.add(placed)
  return [...own, ...place]
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

function changedColumns(text: string, change: ChangeRecord) {
  const sealed = parseLine(Buffer.from(text))
  const changed = sealed && change(sealed)
  if (changed === undefined) return undefined
  const line = placedLine(changed)
  if (!isPruned(changed)) return { line, subject: changed.private['user']?.value ?? null }
  return { line, subject: null, agent: null, request_id: null }
}
