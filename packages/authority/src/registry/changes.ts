import { type DoorEvent, tellDoors } from '../stop/door-events.ts'
import type { ChangeRow, RegistryTransaction } from './registry-tables.ts'

/** What may have happened. */
export type ChangeKind =
  | 'agent_created'
  | 'agent_changed'
  | 'agent_activated'
  | 'agent_suspended'
  | 'agent_resumed'
  | 'agent_retired'
  | 'key_added'
  | 'key_ending'
  | 'key_revoked'
  | 'person_changed'
  | 'person_left'

/** What doors hear of at once. */
const TOLD: Readonly<Partial<Record<ChangeKind, DoorEvent['action']>>> = {
  agent_suspended: 'revoke',
  agent_retired: 'revoke',
  agent_resumed: 'withdraw',
  key_revoked: 'revoke',
  // A door that keeps the record of an agent would not know its new key.
  key_added: 'refresh',
  agent_changed: 'refresh',
}

/** Writes down what has changed, in the transaction that changes it; the lock of the registry keeps the numbers in order. */
export async function noteChange(
  tables: RegistryTransaction,
  change: Pick<ChangeRow, 'at' | 'tenant'> & { readonly kind: ChangeKind } & Partial<ChangeRow>,
): Promise<void> {
  const last = await tables.selectFrom('changes').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  const seq = (last?.seq ?? 0) + 1
  await tables
    .insertInto('changes')
    .values({ agent: null, person: null, thumbprint: null, ...change, seq })
    .execute()
  const action = TOLD[change.kind]
  const { agent: agentId, thumbprint, at } = change
  if (action === undefined) return
  if (action === 'revoke' && thumbprint != null)
    await tellDoors(tables, [{ action, event: { type: 'key', thumbprint } }], at)
  else if (agentId != null) await tellDoors(tables, [{ action, event: { type: 'agent', agentId } }], at)
}
