import type { World } from '../authority-world.ts'

/** A token of a test, written as if it had been issued. */
export interface WrittenToken {
  readonly tokenId: string
  readonly agentId: string
  readonly subject: string
  readonly parentId?: string
  readonly chainId?: string
  readonly thumbprint?: string
}

let places = 0

/** Writes the row of a token that lives for an hour. */
export async function writeToken({ authority, clock }: World, token: WrittenToken): Promise<void> {
  const { tokenId, agentId, subject, parentId = null, chainId = tokenId, thumbprint = 'none' } = token
  const now = Math.floor(clock.wallMs() / 1000)
  places += 1
  await authority.store.tables<{ tokens: Record<string, unknown> }>().transaction('registry', (tables) =>
    tables
      .insertInto('tokens')
      .values({
        ...{ token_id: tokenId, parent_id: parentId, chain_id: chainId, grant_type: 'token_exchange', subject },
        ...{ agent_id: agentId, thumbprint, family_id: null, scope: 'orders:read', audience: '[]' },
        ...{ issued_at: now, expires_at: now + 3600, list_id: 99, list_index: places, revoked_at: null },
      })
      .execute(),
  )
}
