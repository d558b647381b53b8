import type { ReplayClaim, ReplayStore } from '@countermark/core'
import type { Transaction } from 'kysely'
import type { StoredTables } from '../../storage/store.ts'
import type { TokenTables } from '../issuing/token-tables.ts'

/** How many claims are made between two times that ended ones are deleted. */
const CLAIMS_BETWEEN_SWEEPS = 1000

/**
 * Remembers claims where the authority remembers everything else: they survive a restart, and all processes share them. So there
 * is no time before which it could not remember, and no claim is unproven.
 */
export function createSqlReplayStore({ transaction }: StoredTables<TokenTables>): ReplayStore {
  let made = 0
  return {
    name: 'sql',
    issueNonce: () => undefined,
    claim: async ({ id, acceptUntil }: ReplayClaim, { clock }) => {
      made += 1
      const isSweep = made % CLAIMS_BETWEEN_SWEEPS === 0
      const row = { claim_id: Buffer.from(id).toString('base64url'), until_seconds: Math.ceil(acceptUntil) }
      const claimRow = async (tables: Transaction<TokenTables>): Promise<boolean> => {
        if (isSweep) await sweep(tables, Math.floor(clock.wallMs() / 1000) - 60)
        const inserted = await tables
          .insertInto('token_claims')
          .values(row)
          .onConflict((conflict) => conflict.column('claim_id').doNothing())
          .returning('claim_id')
          .execute()
        return inserted.length === 1
      }
      const isNew = await transaction(`token-claim:${row.claim_id}`, claimRow, 'together')
      return isNew ? 'claimed' : 'replayed'
    },
  }
}

async function sweep(tables: Transaction<TokenTables>, before: number): Promise<void> {
  await tables.deleteFrom('token_claims').where('until_seconds', '<', before).execute()
}
