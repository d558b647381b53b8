import { AgentFetchError } from '../agent-fetch-error.ts'
import { unexpected } from './authority-api.ts'
import { type AuthorityContext, counts, createKey, listKeys } from './authority-context.ts'
import type { AuthorityEvent } from './authority-event.ts'
import { publicJwkOf } from './enrol.ts'
import type { IdentityKey } from './identity-store.ts'

type Reason = Extract<AuthorityEvent, { readonly type: 'key_rotated' }>['reason']

const MAX_TRIES = 10

/**
 * Replaces a key: the next one is made and kept, the old one says that it follows, it signs itself, and from then on it is what
 * signs; the old one goes on for the authority's overlap. Goes on where an earlier try stopped. Processes that share a store
 * replace it once, by one and the same key.
 * @returns the key that signs now, also when another process has replaced this one
 * @throws AgentFetchError `authority_unavailable`, `enrolment_refused` when neither key counts any more, `identity_unusable`
 */
export async function rotate(context: AuthorityContext, from: string, reason: Reason): Promise<IdentityKey> {
  const { store, agentId, tell } = context
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { identity, version } = (await store.read()) ?? { identity: undefined, version: 0 }
    const { key, next } = identity ?? {}
    if (key === undefined)
      throw new AgentFetchError('identity_unusable', 'the agent is not enrolled: there is no key to replace')
    if (key.keyId !== from) return key
    if (next === undefined) {
      await store.replace({ agentId, key, next: createKey(context) }, version)
      continue
    }
    const isBrought = await bringSuccessor(context, key, next)
    // A key that was revoked on the way is given up.
    if (!(await store.replace({ agentId, key: isBrought ? next : key }, version)) || !isBrought) continue
    tell({ type: 'key_rotated', keyId: next.keyId, before: key.keyId, reason })
    return next
  }
  throw new AgentFetchError('identity_unusable', 'what is kept of the agent changes all the time')
}

/** @returns whether the next key counts; `false` when it never will */
async function bringSuccessor(context: AuthorityContext, key: IdentityKey, next: IdentityKey): Promise<boolean> {
  const { ask, agentId } = context
  const path = `/agents/${encodeURIComponent(agentId)}/keys`
  const state = await findState(context, key, next)
  if (counts(state)) return true
  if (state === 'revoked' || state === 'retired') return false
  if (state === undefined) {
    const body = { key: publicJwkOf(next), kind: 'software' }
    const answer = await ask(key, { method: 'POST', path, body })
    // Another process with the same key may have been faster.
    if (answer.status !== 202 && answer.code !== 'key_taken') throw unexpected(answer, 'a rotation')
  }
  const activated = await ask(next, { method: 'POST', path: `${path}/${next.keyId}/activation` })
  if (activated.status === 200) return true
  if (activated.code !== 'state_conflict') throw unexpected(activated, 'the activation of a key')
  return counts(await findState(context, key, next))
}

/** What the authority knows of the next key. The old one may have ended since the next one began. */
async function findState(context: AuthorityContext, key: IdentityKey, next: IdentityKey): Promise<string | undefined> {
  const listed = (await listKeys(context, key)) ?? (await listKeys(context, next))
  if (listed !== undefined) return listed.find(({ id }) => id === next.keyId)?.state
  throw new AgentFetchError('enrolment_refused', 'no key of the agent counts any more; enrol another one by a code')
}
