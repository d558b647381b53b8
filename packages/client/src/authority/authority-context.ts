import type { Clock } from '@countermark/core'
import { type AgentKeyAlgorithm, generateAgentKey } from '../generate-agent-key.ts'
import type { Delay } from '../option-readers.ts'
import type { AskAuthority } from './authority-api.ts'
import type { AuthorityEvent } from './authority-event.ts'
import type { IdentityKey, IdentityStore } from './identity-store.ts'

/** What enrolling and rotating are done with. */
export interface AuthorityContext {
  readonly agentId: string
  readonly store: IdentityStore
  readonly ask: AskAuthority
  readonly algorithm: AgentKeyAlgorithm
  readonly clock: Clock
  readonly delay: Delay
  readonly tell: (event: AuthorityEvent) => void
}

/** Makes a key of the agent. */
export function createKey({ algorithm, clock }: Pick<AuthorityContext, 'algorithm' | 'clock'>): IdentityKey {
  const { privateKey, thumbprint } = generateAgentKey({ algorithm })
  return { keyId: thumbprint, privateKey, createdAt: clock.wallMs() }
}

/** What the authority knows of one of the agent's keys. */
export interface ListedKey {
  readonly id: string
  readonly state: string
  readonly age: string
  /** Unix milliseconds. */
  readonly notAfter: number | undefined
}

/**
 * The agent's keys, asked for with one of them; `undefined` when that one does not count there.
 * @throws AgentFetchError `authority_unavailable`
 */
export async function listKeys(
  { agentId, ask }: AuthorityContext,
  key: IdentityKey,
): Promise<readonly ListedKey[] | undefined> {
  const { status, body } = await ask(key, { method: 'GET', path: `/agents/${encodeURIComponent(agentId)}/keys` })
  if (status !== 200) return undefined
  const items: readonly unknown[] = Array.isArray(body['items']) ? body['items'] : []
  return items.flatMap(readListed)
}

function readListed(value: unknown): readonly ListedKey[] {
  if (typeof value !== 'object' || value === null) return []
  const { thumbprint, state, age, notAfter }: Readonly<Record<string, unknown>> = { ...value }
  if (typeof thumbprint !== 'string' || typeof state !== 'string' || typeof age !== 'string') return []
  return [{ id: thumbprint, state, age, notAfter: typeof notAfter === 'number' ? notAfter : undefined }]
}

/** Whether a key of this state signs. */
export function counts(state: string | undefined): boolean {
  return state === 'active' || state === 'retiring'
}
