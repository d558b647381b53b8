import { createHash, generateKeyPairSync } from 'node:crypto'
import type { Store } from '@countermark/authority'

/** An agent that is written as if it had enrolled. */
export interface SeededAgent {
  readonly id: string
  readonly jwk: { readonly kty: string; readonly crv?: string; readonly x?: string }
  readonly thumbprint: string
}

type Row = Readonly<Record<string, unknown>>
type Tables = Readonly<Record<'tenants' | 'people' | 'agents' | 'agent_owners' | 'agent_keys', Row>>

const ROWS_AT_ONCE = 500

/** Writes agents of one tenant and one owner, each active and with one key. The authority must have made its tables. */
export async function seedRegistry(store: Store, agents: readonly SeededAgent[]): Promise<void> {
  const now = Date.now()
  const { transaction } = store.tables<Tables>()
  await transaction('registry', async (tables) => {
    await tables.insertInto('tenants').values({ id: 'acme', name: 'Acme', created_at: now, revision: 1 }).execute()
    const owner = { tenant: 'acme', id: 'jane', name: 'Jane', ceiling: '["orders:*"]', state: 'active' }
    await tables
      .insertInto('people')
      .values({ ...owner, created_at: now, revision: 1 })
      .execute()
  })
  for (let start = 0; start < agents.length; start += ROWS_AT_ONCE) {
    const some = agents.slice(start, start + ROWS_AT_ONCE)
    await transaction('registry', async (tables) => {
      await tables
        .insertInto('agents')
        .values(some.map(({ id }) => agentRow(id, now)))
        .execute()
      await tables
        .insertInto('agent_owners')
        .values(some.map(({ id }) => ({ agent: id, tenant: 'acme', person: 'jane' })))
        .execute()
      await tables
        .insertInto('agent_keys')
        .values(some.map((agent) => keyRow(agent, now)))
        .execute()
    })
  }
}

function agentRow(id: string, now: number): Row {
  return {
    ...{ id, tenant: 'acme', name: `Agent ${id}`, purpose: 'measured', type: 'agent', version: '1', state: 'active' },
    ...{ reason: null, ceiling: '["orders:read","orders:write"]', constraints: '{}', template: null, expires_at: null },
    ...{ rotate_by: null, retirement_asked_by: null, retirement_reason: null, replaced_by: null },
    ...{ created_at: now, changed_at: now, revision: 1 },
  }
}

function keyRow({ id, jwk, thumbprint }: SeededAgent, now: number): Row {
  const { kty, crv, x } = jwk
  return {
    ...{ thumbprint, agent: id, kid: thumbprint, kind: 'software', jwk: JSON.stringify({ crv, kty, x }) },
    ...{ algorithm: 'ed25519', agent_version: '1', follows: null, state: 'active', not_before: now, not_after: null },
    ...{ created_at: now, last_used_at: null },
  }
}

/** Agents whose private halves are thrown away: to fill a registry. */
export function makeAgents(count: number): readonly SeededAgent[] {
  return Array.from({ length: count }, (_, index) => {
    const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
    const jwk = { crv: 'Ed25519', kty: 'OKP', x }
    const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
    return { id: `agt_${String(index).padStart(6, '0')}`, jwk, thumbprint }
  })
}
