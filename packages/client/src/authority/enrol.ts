import { createPublicKey } from 'node:crypto'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { unexpected } from './authority-api.ts'
import { type AuthorityContext, createKey, listKeys } from './authority-context.ts'
import type { AgentIdentity, IdentityKey } from './identity-store.ts'

/** How an agent gets its first key to count. */
export interface EnrolmentSettings {
  /** @default an owner has to approve the key */
  readonly code: string | undefined
  /** How long to wait for an owner. Seconds. */
  readonly waitSeconds: number
}

const POLL_MS = 5000

/**
 * Makes the agent known to the authority, unless it is: a key is made and kept, and only then brought. So whatever is lost on
 * the way, the next call goes on where this one stopped, and processes that share a store bring one and the same key.
 * @throws AgentFetchError `enrolment_refused`, `authority_unavailable`, `identity_unusable`
 */
export async function enrol(context: AuthorityContext, settings: EnrolmentSettings): Promise<IdentityKey> {
  const { store, agentId, tell } = context
  for (;;) {
    const kept = await store.read()
    if (kept !== undefined) requireOwn(kept.identity, agentId)
    const { key, next } = kept?.identity ?? {}
    if (key !== undefined) return key
    if (next === undefined) {
      // The first one to be kept decides; other processes find it here.
      await store.replace({ agentId, next: createKey(context) }, kept?.version ?? 0)
      continue
    }
    await bring(context, next, settings)
    if (!(await store.replace({ agentId, key: next }, kept?.version ?? 0))) continue
    tell({ type: 'enrolled', keyId: next.keyId })
    return next
  }
}

/** @throws AgentFetchError `identity_unusable` for what belongs to another agent */
function requireOwn({ agentId }: AgentIdentity, expected: string): void {
  if (agentId === expected) return
  throw new AgentFetchError(
    'identity_unusable',
    `what is kept belongs to ${agentId}; give ${expected} a store of its own`,
  )
}

async function bring(context: AuthorityContext, key: IdentityKey, settings: EnrolmentSettings): Promise<void> {
  const { ask, agentId, tell } = context
  const isCounting = async (): Promise<boolean> => (await listKeys(context, key)) !== undefined
  // The answer to an earlier try may have been lost.
  if (await isCounting()) return
  const { code } = settings
  const body = { ...(code === undefined ? { agent: agentId } : { code }), key: publicJwkOf(key), kind: 'software' }
  const answer = await ask(key, { method: 'POST', path: '/enrolments', body })
  if (answer.status === 201) return
  const isWaiting = answer.status === 202 || answer.code === 'key_taken'
  if (isWaiting) {
    tell({ type: 'enrolment_waiting', keyId: key.keyId })
    return waitForOwner(context, isCounting, settings.waitSeconds)
  }
  if (answer.code !== 'enrolment_refused') throw unexpected(answer, 'an enrolment')
  // Another process with the same key may have used the code.
  if (await isCounting()) return
  throw new AgentFetchError(
    'enrolment_refused',
    'the authority takes this code or key no more; ask an owner for a code',
  )
}

async function waitForOwner(
  { clock, delay }: AuthorityContext,
  isCounting: () => Promise<boolean>,
  waitSeconds: number,
): Promise<void> {
  const endMs = clock.monotonicMs() + waitSeconds * 1000
  while (clock.monotonicMs() < endMs) {
    await delay(POLL_MS, undefined)
    if (await isCounting()) return
  }
  throw new AgentFetchError('enrolment_refused', 'no owner has approved the key in time; the next try goes on with it')
}

/** The public half as the registry takes it. */
export function publicJwkOf({ privateKey }: IdentityKey): object {
  return createPublicKey(privateKey).export({ format: 'jwk' })
}
