import type { Transaction } from 'kysely'
import { REGISTRY_LOCK, type RegistryTransaction } from '../registry/registry-tables.ts'
import type { TokenTables } from '../tokens/issuing/token-tables.ts'
import type { RevocationFeed } from '../tokens/revocation/revocation-feed.ts'
import { type Revoked, tellDoors } from './door-events.ts'
import type { StopTables } from './stop-tables.ts'

/** Names of tokens in one question to the database. */
const NAMED_AT_ONCE = 500
/** The clock of a door may be behind by this much: to it a token that has ended here counts still. Seconds. */
const LATE_SECONDS = 300

/** Tells doors of tokens that `/revoke`, a person, or a second use has ended: one that ends nothing tells nothing. */
export function createRevocationFeed(issuer: string, told: () => void): RevocationFeed {
  return {
    lock: REGISTRY_LOCK,
    tell: async (inside, tokenIds, nowMs) => {
      const tables = inside as unknown as Transaction<TokenTables & StopTables>
      const events = await eventsOfTokens(tables, tokenIds, { issuer, nowMs })
      await tellDoors(
        tables as unknown as Transaction<StopTables>,
        events.map((event) => ({ action: 'revoke', event })),
        nowMs,
      )
    },
    told,
  }
}

/** Each token that may still be presented, by its name: a door may not know that one was exchanged for another. */
export async function eventsOfTokens(
  inside: Transaction<TokenTables & StopTables> | RegistryTransaction,
  tokenIds: readonly string[],
  { issuer, nowMs }: { readonly issuer: string; readonly nowMs: number },
): Promise<readonly Revoked[]> {
  const tables = inside as unknown as Transaction<TokenTables>
  const ended = Math.floor(nowMs / 1000) - LATE_SECONDS
  const events: Revoked[] = []
  for (let start = 0; start < tokenIds.length; start += NAMED_AT_ONCE) {
    const some = tokenIds.slice(start, start + NAMED_AT_ONCE)
    const query = tables.selectFrom('tokens').select(['token_id', 'expires_at']).where('token_id', 'in', some)
    for (const row of await query.where('expires_at', '>', ended).execute()) {
      events.push({ type: 'token', issuer, tokenId: row.token_id, expiresAt: row.expires_at + LATE_SECONDS })
    }
  }
  return events
}
