import type { Environment } from '@countermark/core'
import type { StoredTables } from '../../storage/store.ts'
import type { TokenTables } from './token-tables.ts'

/** Deletes what has ended: who held which token stays in the audit trail. */
export interface Sweeper {
  /** Deletes tokens, refresh tokens and claims that ended over a day ago. @returns how many tokens */
  readonly sweep: () => Promise<number>
  /** The same now and then, behind those who are served. */
  readonly countIssued: () => void
}

const ISSUED_BETWEEN_SWEEPS = 1024
/** A service whose clock is behind may ask about a token that has just ended. */
const KEPT_SECONDS = 86_400

/** Creates it. */
export function createSweeper(
  { transaction }: StoredTables<TokenTables>,
  { clock }: Pick<Environment, 'clock'>,
): Sweeper {
  let issued = 0
  const sweep = (): Promise<number> => {
    const before = Math.floor(clock.wallMs() / 1000) - KEPT_SECONDS
    return transaction('token-sweep', async (tables) => {
      await tables.deleteFrom('token_claims').where('until_seconds', '<', before).execute()
      // The last one stays: marks of requests are compared with its number. Tokens of other issuers live for a day at most.
      await tables
        .deleteFrom('token_stops')
        .where('at', '<', before - KEPT_SECONDS)
        .where('seq', '<', ({ selectFrom }) => selectFrom('token_stops').select(({ fn }) => fn.max('seq').as('last')))
        .execute()
      await tables.deleteFrom('refresh_tokens').where('expires_at', '<', before).execute()
      const { numDeletedRows } = await tables.deleteFrom('tokens').where('expires_at', '<', before).executeTakeFirst()
      return Number(numDeletedRows)
    })
  }
  return {
    sweep,
    countIssued: () => {
      issued += 1
      if (issued % ISSUED_BETWEEN_SWEEPS !== 0) return
      // What could not be deleted now is deleted the next time.
      sweep().catch(() => undefined)
    },
  }
}
