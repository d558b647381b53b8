import type { Store } from '@countermark/authority'
import type { SeededAgent } from './seed-registry.ts'

type Row = Readonly<Record<string, unknown>>
type Tables = Readonly<Record<'tokens' | 'token_status_lists', Row>>

const ROWS_AT_ONCE = 500
/** As many places as one status list has. */
const PLACES = 2 ** 17
const REVOKED_EVERY = 10

/** Writes a token for each agent into one status list, every tenth of them revoked. @returns the number of the list */
export async function fillTokens(store: Store, agents: readonly SeededAgent[]): Promise<number> {
  const { transaction } = store.tables<Tables>()
  const now = Math.floor(Date.now() / 1000)
  const listId = 1000
  await transaction('token-status-places', async (tables) => {
    const list = { list_id: listId, taken: PLACES, secret: 'measured' }
    await tables.insertInto('token_status_lists').values(list).execute()
  })
  for (let start = 0; start < agents.length; start += ROWS_AT_ONCE) {
    const rows = agents.slice(start, start + ROWS_AT_ONCE).map(({ id, thumbprint }, index) => ({
      ...{ token_id: `dlg_${id}`, parent_id: null, chain_id: `txn_${id}`, grant_type: 'client_credentials' },
      ...{ subject: id, agent_id: id, thumbprint, client_thumbprint: thumbprint, family_id: null },
      ...{ scope: 'orders:read', audience: '["http://shop.test"]', issued_at: now, expires_at: now + 3600 },
      ...{ list_id: listId, list_index: start + index },
      revoked_at: (start + index) % REVOKED_EVERY === 0 ? now : null,
    }))
    await transaction('token-fill', (tables) => tables.insertInto('tokens').values(rows).execute())
  }
  return listId
}
