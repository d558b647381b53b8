import { type RawBuilder, type SelectQueryBuilder, type SqlBool, sql, type Transaction } from 'kysely'
import type { ConsentTables } from '../consent/consent-tables.ts'
import type { RevokedEvent } from '../issuing/token-events.ts'
import type { TokenTables } from '../issuing/token-tables.ts'
import type { TokenSettings } from '../token-settings.ts'
import { noteStop } from './token-stops.ts'

/** What is revoked, with everything that was exchanged for it. */
export type RevocationTarget =
  | { readonly tokenId: string }
  | { readonly familyId: string }
  /** Every token of one chain of exchanges: its `txn`. */
  | { readonly chainId: string }
  /** Every token that the agent acts with. */
  | { readonly agentId: string }
  /** Every token that speaks for the user; `inTenant`: only those that agents of one tenant act with. */
  | { readonly subject: string; readonly inTenant?: string }
  /** Every token that is bound to the key. */
  | { readonly thumbprint: string }
  /** Every token whose client proved itself with the key. */
  | { readonly clientThumbprint: string }

const COLUMNS = {
  tokenId: 'token_id',
  familyId: 'family_id',
  chainId: 'chain_id',
  agentId: 'agent_id',
  subject: 'subject',
  thumbprint: 'thumbprint',
  clientThumbprint: 'client_thumbprint',
} as const satisfies Record<string, keyof TokenTables['tokens']>

/** Of refresh tokens: those that would bring back what was revoked. */
const REFRESH_COLUMNS: Readonly<Record<string, 'family_id' | 'agent_id' | 'subject' | undefined>> = {
  familyId: 'family_id',
  agentId: 'agent_id',
  subject: 'subject',
}

/** Of what people allowed: its id is the family of its tokens. */
const DELEGATION_COLUMNS: Readonly<Record<string, 'delegation_id' | 'agent_id' | 'subject' | undefined>> = {
  familyId: 'delegation_id',
  agentId: 'agent_id',
  subject: 'subject',
}

/**
 * Revokes tokens, those that were exchanged for them, and the refresh tokens behind them, and tells doors, in one transaction.
 * @returns the ids of the tokens that counted until now
 * @throws Unavailable `storage_unavailable`, `audit_unavailable`
 */
export async function revokeTokens(
  target: RevocationTarget,
  why: Pick<RevokedEvent, 'reason' | 'by'>,
  settings: TokenSettings,
): Promise<readonly string[]> {
  const { feed, environment, tables, events } = settings
  const nowMs = environment.clock.wallMs()
  const tokenIds = await tables.transaction(feed?.lock ?? 'token-revocation', async (inside) => {
    const revoked = await markRevoked(target, Math.floor(nowMs / 1000), inside)
    await feed?.tell(inside, revoked, nowMs)
    return revoked
  })
  feed?.told()
  await events.revoked({ ...why, tokenIds })
  return tokenIds
}

/** What is looked for, in each table. */
interface Cut {
  readonly name: keyof typeof COLUMNS
  readonly value: string
  readonly inTenant: string | undefined
  /** Unix seconds. */
  readonly now: number
}

/** The same inside of a transaction; it writes no record. */
export async function markRevoked(
  target: RevocationTarget,
  now: number,
  tables: Transaction<TokenTables>,
): Promise<readonly string[]> {
  const { inTenant, ...named } = { inTenant: undefined, ...target }
  const [[name, value]] = Object.entries(named) as [[keyof typeof COLUMNS, string]]
  const cut: Cut = { name, value, inTenant, now }
  // Rows of these names are written anew; of the others a row is there already, and whoever adds to it holds it.
  if (name === 'subject' || name === 'agentId' || name === 'thumbprint' || name === 'clientThumbprint') {
    await noteStop(tables, { at: now, kind: name, name: value, tenant: inTenant ?? null })
  }
  await stopDelegations(cut, tables)
  // First what would bring new tokens. Again until nothing is found: a row may have been written while another was waited for.
  for (let count = 1, round = 0; count > 0 && round < MAX_ROUNDS; round++) {
    count = await revokeRefreshTokens(cut, tables)
  }
  const tokenIds: string[] = []
  for (let found = [''], round = 0; found.length > 0 && round < MAX_ROUNDS; round++) {
    found = await cutDown(cut, tables)
    tokenIds.push(...found)
  }
  return tokenIds
}

/** Chains are at most this long, and a round finds at least one more link. */
const MAX_ROUNDS = 32

async function cutDown({ name, value, inTenant, now }: Cut, tables: Transaction<TokenTables>): Promise<string[]> {
  const within = inTenant === undefined ? sql`` : sql`AND ${ofTenant(inTenant)}`
  const { rows } = await sql<{ readonly token_id: string }>`
    WITH RECURSIVE cut (token_id) AS (
      SELECT token_id FROM tokens WHERE ${sql.ref(COLUMNS[name])} = ${value} ${within}
      UNION
      SELECT tokens.token_id FROM tokens JOIN cut ON tokens.parent_id = cut.token_id
    )
    UPDATE tokens SET revoked_at = ${now}
    WHERE token_id IN (SELECT token_id FROM cut) AND revoked_at IS NULL
    RETURNING token_id`.execute(tables)
  return rows.map(({ token_id }) => token_id)
}

/** The one place that knows which agents are a tenant's: every table of this room names its agent alike. */
function ofTenant(tenant: string): RawBuilder<SqlBool> {
  return sql<SqlBool>`agent_id IN (SELECT id FROM agents WHERE tenant = ${tenant})`
}

/** A code that is not redeemed yet brings nothing after it; and who is stopped everywhere has to sign in again. */
async function stopDelegations(cut: Cut, tables: Transaction<TokenTables>): Promise<void> {
  const { name, value, inTenant, now } = cut
  const both = tables as unknown as Transaction<TokenTables & ConsentTables>
  const living = both.updateTable('delegations').set({ stopped_at: now }).where('stopped_at', 'is', null)
  const column = DELEGATION_COLUMNS[name]
  const chosen =
    column === undefined
      ? living.where('delegation_id', 'in', familiesOf(cut, tables))
      : living.where(column, '=', value).$if(inTenant !== undefined, (some) => some.where(ofTenant(inTenant ?? '')))
  await chosen.execute()
  if (name === 'subject' && inTenant === undefined)
    await both.deleteFrom('consent_sessions').where('subject', '=', value).execute()
}

/** @returns how many */
async function revokeRefreshTokens(cut: Cut, tables: Transaction<TokenTables>): Promise<number> {
  const { name, value, inTenant, now } = cut
  const column = REFRESH_COLUMNS[name]
  const living = tables.updateTable('refresh_tokens').set({ revoked_at: now }).where('revoked_at', 'is', null)
  const chosen =
    column === undefined
      ? living.where('family_id', 'in', familiesOf(cut, tables))
      : living.where(column, '=', value).$if(inTenant !== undefined, (some) => some.where(ofTenant(inTenant ?? '')))
  return (await chosen.returning('token_hash').execute()).length
}

type Families = SelectQueryBuilder<TokenTables, 'tokens', { family_id: string }>

/** Of a token, a chain, a key: the families that its tokens came from. */
function familiesOf({ name, value }: Cut, tables: Transaction<TokenTables>): Families {
  const families = tables.selectFrom('tokens').select('family_id').where(COLUMNS[name], '=', value)
  return families.where('family_id', 'is not', null).$castTo<{ family_id: string }>()
}
