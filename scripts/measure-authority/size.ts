import { statSync } from 'node:fs'
import type { Store } from '@countermark/authority'
import { sql } from 'kysely'

/** How many bytes the database holds, indexes and all. */
export async function sizeOf(store: Store, address: string): Promise<number> {
  const tables = store.tables<Record<string, never>>()
  if (store.engine === 'postgres') {
    const { rows } = await sql<{ readonly size: number }>`SELECT pg_database_size(current_database()) AS size`.execute(
      tables.reads,
    )
    return Number(rows[0]?.size)
  }
  const path = address.replace(/^file:/, '')
  return statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0)
}

const COUNTED = ['tenants', 'people', 'agents', 'agent_owners', 'agent_keys', 'changes', 'door_events'] as const

/** How many rows the registry holds. */
export async function countRows(store: Store): Promise<number> {
  const { reads } = store.tables<Record<(typeof COUNTED)[number], object>>()
  let rows = 0
  for (const table of COUNTED) {
    const counted = await sql<{ readonly count: number }>`SELECT count(*) AS count FROM ${sql.table(table)}`.execute(
      reads,
    )
    rows += Number(counted.rows[0]?.count)
  }
  return rows
}
