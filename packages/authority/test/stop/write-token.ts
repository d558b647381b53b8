import type { World } from '../authority-world.ts'

/** A token of a test, written as if it had been issued. */
export interface WrittenToken {
  readonly tokenId: string
  readonly agentId: string
  readonly subject: string
  readonly parentId?: string
  readonly chainId?: string
  readonly thumbprint?: string
  readonly clientThumbprint?: string
}

let places = 0

/** Writes the row of a token that lives for an hour. */
export async function writeToken({ authority, clock }: World, token: WrittenToken): Promise<void> {
  const { tokenId, agentId, subject, parentId = null, chainId = tokenId, thumbprint = 'none' } = token
  const { clientThumbprint = thumbprint } = token
  const now = Math.floor(clock.wallMs() / 1000)
  places += 1
  await authority.store.tables<{ tokens: Record<string, unknown> }>().transaction('registry', (tables) =>
    tables
      .insertInto('tokens')
      .values({
        ...{ token_id: tokenId, parent_id: parentId, chain_id: chainId, grant_type: 'token_exchange', subject },
        ...{
          agent_id: agentId,
          thumbprint,
          client_thumbprint: clientThumbprint,
          family_id: null,
          scope: 'orders:read',
          audience: '[]',
        },
        ...{ issued_at: now, expires_at: now + 3600, list_id: 99, list_index: places, revoked_at: null },
      })
      .execute(),
  )
}

interface WrittenFamily {
  readonly agentId: string
  readonly subject: string
  readonly familyId: string
}

type AnyTables = Readonly<Record<'refresh_tokens' | 'delegations', Record<string, unknown>>>

/** Writes a refresh token, and a consent of the same name, that hold for a day. */
export async function writeWhatBringsTokens({ authority, clock }: World, written: WrittenFamily): Promise<void> {
  const { agentId, subject, familyId } = written
  const now = Math.floor(clock.wallMs() / 1000)
  const common = { agent_id: agentId, subject }
  await authority.store.tables<AnyTables>().transaction('registry', async (tables) => {
    await tables
      .insertInto('refresh_tokens')
      .values({
        ...{ ...common, token_hash: familyId, family_id: familyId, grant_json: '{}' },
        ...{ issued_at: now, expires_at: now + 86_400, used_at: null, revoked_at: null },
      })
      .execute()
    await tables
      .insertInto('delegations')
      .values({
        ...{ ...common, delegation_id: familyId, scope: 'orders:read', audience: '[]', details_json: '[]' },
        ...{ created_at: now, ends_at: now + 86_400, stopped_at: null },
      })
      .execute()
  })
}

/** What brings tokens still. */
export async function whatBringsTokens({ authority }: World): Promise<readonly string[]> {
  const { reads } = authority.store.tables<AnyTables>()
  const refresh = await reads.selectFrom('refresh_tokens').select('family_id').where('revoked_at', 'is', null).execute()
  const consents = await reads
    .selectFrom('delegations')
    .select('delegation_id')
    .where('stopped_at', 'is', null)
    .execute()
  const named = [
    ...refresh.map((row) => `refresh ${row['family_id']}`),
    ...consents.map((row) => `delegation ${row['delegation_id']}`),
  ]
  return named.sort()
}
