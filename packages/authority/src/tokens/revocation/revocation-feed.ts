import type { Transaction } from 'kysely'
import type { TokenTables } from '../issuing/token-tables.ts'

/** Tells doors which tokens no longer count. */
export interface RevocationFeed {
  /** What writes lines for doors follows one another under it. */
  readonly lock: string
  /** Writes the lines, in the transaction that ends the tokens. */
  readonly tell: (tables: Transaction<TokenTables>, tokenIds: readonly string[], nowMs: number) => Promise<void>
  /** The transaction has committed. */
  readonly told: () => void
}
