import { Refusal } from '@countermark/core'
import { canonicalJson, thumbprintOf } from '@countermark/core/internal'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import { act, type Endpoint, requireEverywhere } from '../api/endpoint.ts'
import type { Route } from '../http/call.ts'
import type { RegistryTransaction } from '../registry/registry-tables.ts'
import { signJwtWithKey, type TokenKeys } from '../tokens/issuing/sign-jwt.ts'
import { withTrust } from './organisations.ts'
import { TRUST_LIST_TYPE } from './trust-list.ts'
import { LIST_ENTRIES, type ListEntry } from './trust-schemas.ts'
import type { PublishedListRow, TrustTables } from './trust-tables.ts'

/** What a list is signed with. */
export interface PublishOptions {
  readonly reads: Kysely<TrustTables>
  readonly issuer: string
  readonly keys: TokenKeys
  readonly nowMs: () => number
}

const NEW_LIST = z.strictObject({
  entries: LIST_ENTRIES,
  /** How long importers believe it when they can no longer ask. */
  lifetimeHours: z.int().min(1).max(744).default(24),
})
const PUBLISHED = z.object({ number: z.number(), entries: z.array(z.unknown()), lifetimeHours: z.number() })
/** A signature serves so many callers: anybody may ask. */
const SIGNED_AGAIN_AFTER_MS = 60_000

/** Writes the list of organisations that other authorities may import. */
export const PUBLISH_LIST: Endpoint = act({
  ...{ method: 'PUT', path: '/trust-list', operation: 'publishTrustList' },
  summary: 'Publish the organisations that other authorities may import, in place of those before',
  allows: ['admin'],
  ...{ body: NEW_LIST, answer: PUBLISHED },
  act: async (tables, request) => {
    requireEverywhere(request)
    const { entries, lifetimeHours } = request.body
    const names = entries.map(({ issuer }) => issuer)
    if (new Set(names).size !== names.length) {
      const errors = [{ pointer: '/entries', message: 'expected each issuer once' }]
      throw new Refusal('input_invalid', 'an issuer has one entry', { members: { errors } })
    }
    const number = await replaceList(tables, entries, lifetimeHours)
    const issuers = entries.map(({ issuer, ceiling }) => ({ issuer, ceiling }))
    const value = { number, entries, lifetimeHours }
    return { value, event: 'trust_list_published', details: { number, lifetimeHours, issuers } }
  },
})

async function replaceList(
  tables: RegistryTransaction,
  entries: readonly ListEntry[],
  lifetimeHours: number,
): Promise<number> {
  const trust = withTrust(tables)
  const last = await trust.selectFrom('published_list').select('number').executeTakeFirst()
  const number = Number(last?.number ?? 0) + 1
  const row: PublishedListRow = {
    ...{ id: 'own', number, entries: canonicalJson(entries), lifetime_hours: lifetimeHours },
  }
  await trust.deleteFrom('published_list').execute()
  await trust.insertInto('published_list').values(row).execute()
  return number
}

/** Serves the list as a JWS (RFC 7515) that names the key that signs it, and the keys that may sign the next one. */
export function publishedListRoute(options: PublishOptions): Route {
  let kept: { readonly number: number; readonly atMs: number; readonly text: string } | undefined
  return {
    ...{ method: 'GET', path: '/trust-list' },
    handle: async () => {
      const row = await options.reads.selectFrom('published_list').selectAll().executeTakeFirst()
      if (row === undefined) throw new Refusal('not_found', 'no trust list is published here')
      const atMs = options.nowMs()
      const isKept = kept?.number === row.number && atMs >= kept.atMs && atMs - kept.atMs < SIGNED_AGAIN_AFTER_MS
      if (!isKept) kept = { number: row.number, atMs, text: await signList(row, options, atMs) }
      const headers = { 'Content-Type': `application/${TRUST_LIST_TYPE}`, 'Cache-Control': 'no-store' }
      return { status: 200, headers, body: kept?.text ?? '' }
    },
  }
}

async function signList(row: PublishedListRow, { keys, issuer }: PublishOptions, nowMs: number): Promise<string> {
  const iat = Math.floor(nowMs / 1000)
  const published = await keys.listPublicKeys()
  const claims = {
    ...{ iss: issuer, iat, exp: iat + row.lifetime_hours * 3600, number: row.number },
    keys: published.map(thumbprintOf),
    entries: JSON.parse(row.entries),
  }
  return signJwtWithKey(keys, TRUST_LIST_TYPE, claims)
}
