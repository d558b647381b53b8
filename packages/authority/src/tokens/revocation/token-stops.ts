import { sql, type Transaction } from 'kysely'
import { shareLock } from '../../storage/share-lock.ts'
import type { TokenStopTable, TokenTables } from '../issuing/token-tables.ts'
import { OAuthError } from '../oauth-error.ts'
import { organisationPrefixOf } from '../subject-tokens/organisation-prefix.ts'

/** How far stops had come when a request began. */
export type StopMark = number

/** Those who issue share it, those who stop hold it alone: no row is written between a stop and its search for rows. */
const LOCK = 'token-issuing'

/** The mark of this moment; take it before anything is looked at. */
export async function findStopMark(tables: Pick<Transaction<TokenTables>, 'selectFrom'>): Promise<StopMark> {
  const query = tables.selectFrom('token_stops').select('seq').orderBy('seq', 'desc').limit(1)
  return (await query.executeTakeFirst())?.seq ?? 0
}

/** Writes a stop down, before anything is searched for that it ends. */
export async function noteStop(tables: Transaction<TokenTables>, stop: Omit<TokenStopTable, 'seq'>): Promise<void> {
  await shareLock(tables, LOCK, 'alone')
  const seq = (await findStopMark(tables)) + 1
  await tables
    .insertInto('token_stops')
    .values({ ...stop, seq })
    .execute()
}

/** What brings a token, by the names that it can be stopped by. */
export interface Stoppable {
  readonly subject: string
  readonly agentId: string
  readonly thumbprint?: string
  readonly clientThumbprint?: string
  readonly since: StopMark
  /** When another issuer said so. Unix seconds: a stop of the user since then ends it. */
  readonly assertedAt?: number | undefined
}

/**
 * Refuses what was stopped after it was looked at. Stops wait until the transaction ends, and then find what it wrote.
 * @throws OAuthError `invalid_grant`
 */
export async function requireNotStopped(tables: Transaction<TokenTables>, about: Stoppable): Promise<void> {
  await shareLock(tables, LOCK, 'shared')
  const { since, assertedAt = Number.POSITIVE_INFINITY } = about
  const kinds = ['subject', 'agentId', 'thumbprint', 'clientThumbprint'] as const
  const rows = await tables
    .selectFrom('token_stops')
    .selectAll()
    .where((row) =>
      row.or(kinds.map((kind) => row.and([row('kind', '=', kind), row('name', 'in', namesOf(about, kind))]))),
    )
    .execute()
  const isLater = ({ seq, kind, at }: TokenStopTable): boolean =>
    seq > since || (kind === 'subject' && at >= assertedAt)
  for (const row of rows.filter(isLater)) {
    if (row.tenant !== null && !(await isOfTenant(tables, about.agentId, row.tenant))) continue
    throw new OAuthError('invalid_grant', 'what the token would be issued for was stopped')
  }
}

/** All users of an organisation are stopped by what stands before their names. */
function namesOf(about: Stoppable, kind: TokenStopTable['kind']): readonly string[] {
  const name = about[kind] ?? ''
  const prefix = kind === 'subject' ? organisationPrefixOf(name) : undefined
  return prefix === undefined ? [name] : [name, prefix]
}

async function isOfTenant(tables: Transaction<TokenTables>, agentId: string, tenant: string): Promise<boolean> {
  const found = await sql`SELECT id FROM agents WHERE id = ${agentId} AND tenant = ${tenant}`.execute(tables)
  return found.rows.length > 0
}
