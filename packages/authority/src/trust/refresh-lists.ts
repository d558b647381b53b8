import type { AuditTrail } from '@countermark/audit'
import type { Environment } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import { createFetcher, type Fetcher, type FetcherOptions, isOutboundError } from '@countermark/outbound'
import { noteAct } from '../events/outbox.ts'
import { parseScopes } from '../registry/ceiling.ts'
import { REGISTRY_LOCK, type RegistryTables, type RegistryTransaction } from '../registry/registry-tables.ts'
import type { StoredTables } from '../storage/store.ts'
import { withTrust } from './organisations.ts'
import { type TakingRules, takeEntries } from './take-list.ts'
import {
  type ListFailure,
  ListRefused,
  LONGEST_LIST,
  TRUST_LIST_TYPE,
  type VerifiedList,
  verifyTrustList,
} from './trust-list.ts'
import type { ImportedListRow } from './trust-tables.ts'

/** What lists are refreshed with. */
export interface RefreshOptions extends Omit<TakingRules, 'nowMs'> {
  readonly stored: StoredTables<RegistryTables>
  readonly trail: Pick<AuditTrail, 'event'>
  readonly environment: Environment
  readonly onFault: (error: unknown) => void
  readonly countRefresh: (result: 'taken' | ListFailure) => void
}

/** Keeps imported lists fresh. */
export interface ListRefresher {
  /** Fetches every list that is due, and ends what has expired. @returns how many were looked at */
  readonly refresh: () => Promise<number>
  /** Begins to look for what is due. */
  readonly start: () => void
  readonly close: () => Promise<void>
}

const POLL_MS = 5_000
const AGAIN_AFTER_MS = 60_000

/** Where a list is fetched from, and how. */
export function createListFetcher(http: FetcherOptions): Fetcher {
  return createFetcher({ ...http, maxBytes: LONGEST_LIST, contentTypes: [`application/${TRUST_LIST_TYPE}`] })
}

/** Creates it. Of several processes one refreshes a list: the one that moves its next time. */
export function createListRefresher(options: RefreshOptions): ListRefresher {
  const fetcher = createListFetcher(options.http)
  let running: Promise<number> | undefined
  let polling: NodeJS.Timeout | undefined
  const refresh = async (): Promise<number> => {
    while (running !== undefined) await running
    running = refreshAll(options, fetcher).finally(() => {
      running = undefined
    })
    return running
  }
  return {
    refresh,
    start: () => {
      polling ??= setInterval(() => {
        if (running === undefined) refresh().catch(options.onFault)
      }, POLL_MS).unref()
    },
    close: async () => {
      clearInterval(polling)
      polling = undefined
      await running?.catch(() => undefined)
    },
  }
}

async function refreshAll(options: RefreshOptions, fetcher: Fetcher): Promise<number> {
  const { stored, environment } = options
  const nowMs = environment.clock.wallMs()
  const due = await withTrust(stored.reads)
    .selectFrom('imported_lists')
    .selectAll()
    .where((row) =>
      row.or([
        row('next_at', '<=', nowMs),
        row.and([row('entries', '>', 0), row('expires_at', '<=', Math.floor(nowMs / 1000))]),
      ]),
    )
    .execute()
  for (const row of due) if (await lease(row, options)) await refreshOne(row, options, fetcher)
  return due.length
}

function lease({ id, next_at }: ImportedListRow, { stored, environment }: RefreshOptions): Promise<boolean> {
  const until = environment.clock.wallMs() + AGAIN_AFTER_MS
  return stored.transaction(REGISTRY_LOCK, async (tables) => {
    const all = withTrust(tables).updateTable('imported_lists').set({ next_at: until })
    const rows = await all.where('id', '=', id).where('next_at', '=', next_at).returning('id').execute()
    return rows.length === 1
  })
}

async function refreshOne(row: ImportedListRow, options: RefreshOptions, fetcher: Fetcher): Promise<void> {
  const { environment, stored, countRefresh } = options
  try {
    const list = verifyTrustList(await fetchList(row.url, fetcher), {
      ...{ issuer: row.issuer, keys: parseScopes(row.keys), environment },
      last: row.number === 0 ? undefined : { number: row.number, issuedAt: row.issued_at, digest: row.digest },
    })
    await stored.transaction(REGISTRY_LOCK, (tables) => takeList(tables, row, list, options))
    countRefresh('taken')
  } catch (error) {
    if (!(error instanceof ListRefused)) throw error
    await stored.transaction(REGISTRY_LOCK, (tables) => noteFailure(tables, row, error, options))
    countRefresh(error.failure)
  }
}

async function fetchList(url: string, fetcher: Fetcher): Promise<string> {
  try {
    return (await fetcher.fetchText(url)).text.trim()
  } catch (error) {
    if (!isOutboundError(error)) throw error
    throw new ListRefused(error.reason === 'too_large' ? 'too_large' : 'unreachable', error.message, error)
  }
}

async function takeList(
  tables: RegistryTransaction,
  row: ImportedListRow,
  list: VerifiedList,
  options: RefreshOptions,
): Promise<void> {
  if (!(await isStillImported(tables, row))) return
  const nowMs = options.environment.clock.wallMs()
  const { entries, notes, added, removed, tokens } = await takeEntries(tables, row, list.entries, { ...options, nowMs })
  await update(tables, row, {
    ...{ number: list.number, issued_at: list.issuedAt, digest: list.digest, expires_at: list.expiresAt, entries },
    // From now on the keys that the list names sign the next one: a key that it has taken away counts no longer.
    ...{ keys: canonicalJson(list.keys), notes: canonicalJson(notes), failure: null, checked_at: nowMs },
    next_at: nowMs + row.refresh_minutes * 60_000,
  })
  const isNews = list.number !== row.number || added.length + removed.length > 0
  const details = { number: list.number, added, removed, tokens, notes }
  if (isNews) await tell(tables, row, { event: 'trust_list_taken', details }, options)
}

/** The list before goes on counting until it ends; then its entries end. */
async function noteFailure(
  tables: RegistryTransaction,
  row: ImportedListRow,
  { failure }: ListRefused,
  options: RefreshOptions,
): Promise<void> {
  if (!(await isStillImported(tables, row))) return
  const nowMs = options.environment.clock.wallMs()
  await update(tables, row, { failure, checked_at: nowMs })
  if (failure !== row.failure) await tell(tables, row, { event: 'trust_list_refused', details: { failure } }, options)
  if (row.entries === 0 || row.expires_at * 1000 > nowMs) return
  const { removed, tokens } = await takeEntries(tables, row, [], { ...options, nowMs })
  await update(tables, row, { entries: 0 })
  await tell(tables, row, { event: 'trust_list_ended', details: { removed, tokens } }, options)
}

async function isStillImported(tables: RegistryTransaction, { id, number }: ImportedListRow): Promise<boolean> {
  const query = withTrust(tables).selectFrom('imported_lists').select('id').where('id', '=', id)
  return (await query.where('number', '=', number).executeTakeFirst()) !== undefined
}

async function update(
  tables: RegistryTransaction,
  { id }: ImportedListRow,
  change: Partial<Omit<ImportedListRow, 'id'>>,
): Promise<void> {
  await withTrust(tables).updateTable('imported_lists').set(change).where('id', '=', id).execute()
}

async function tell(
  tables: RegistryTransaction,
  { id, tenant, issuer }: ImportedListRow,
  { event, details }: { readonly event: string; readonly details: Readonly<Record<string, unknown>> },
  { trail, environment }: RefreshOptions,
): Promise<void> {
  const told = { event, details: { tenant, list: id, issuer, ...details } }
  await noteAct(tables, told, environment.clock.wallMs())
  await trail.event(told)
}
