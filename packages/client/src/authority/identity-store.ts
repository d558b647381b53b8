import { AgentFetchError } from '../agent-fetch-error.ts'

/** A key that an agent made for itself. */
export interface IdentityKey {
  /** JWK SHA-256 thumbprint (RFC 7638). */
  readonly keyId: string
  /** PKCS #8, PEM. */
  readonly privateKey: string
  /** When it was made. Unix milliseconds. */
  readonly createdAt: number
}

/** What an agent has to keep. */
export interface AgentIdentity {
  /** Whose keys these are. */
  readonly agentId: string
  /** What signs. Missing until the agent is enrolled. */
  readonly key?: IdentityKey
  /** What shall sign next: it is kept before the authority hears of it, so it is not lost in between. */
  readonly next?: IdentityKey
}

/** The same as a store gives it. */
export interface KeptIdentity {
  /** What was kept. */
  readonly identity: AgentIdentity
  /** How often it was replaced: 1 for the first. */
  readonly version: number
}

/**
 * Keeps the identity of one agent, for all processes that share it. What it holds is secret: what reads it is the agent.
 */
export interface IdentityStore {
  /** What is kept; `undefined` before the first time. @throws AgentFetchError `identity_unusable` */
  readonly read: () => Promise<KeptIdentity | undefined>
  /**
   * Replaces version `after` (0 for none), durably and in one step. `false`, and nothing is replaced, when another process has
   * replaced it since. @throws AgentFetchError `identity_unusable`
   */
  readonly replace: (identity: AgentIdentity, after: number) => Promise<boolean>
}

/** Keeps it in this process: for workloads that enrol anew each time they start. */
export function memoryIdentityStore(): IdentityStore {
  let kept: KeptIdentity | undefined
  return {
    read: async () => kept,
    replace: async (identity, after) => {
      if ((kept?.version ?? 0) !== after) return false
      kept = { identity, version: after + 1 }
      return true
    },
  }
}

/** Reads what a store has kept as text. @throws AgentFetchError `identity_unusable` */
export function parseIdentity(text: string): AgentIdentity {
  const value = parseObject(text)
  const { agentId, key, next } = value
  if (typeof agentId !== 'string' || agentId === '') throw unusable('it names no agent')
  return { agentId, ...readKey('key', key), ...readKey('next', next) }
}

function readKey(name: 'key' | 'next', value: unknown): Partial<Record<'key' | 'next', IdentityKey>> {
  if (value === undefined) return {}
  const members: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {}
  const { keyId, privateKey, createdAt } = members
  if (typeof keyId !== 'string' || typeof privateKey !== 'string' || typeof createdAt !== 'number') {
    throw unusable('it holds a key that is none')
  }
  return { [name]: { keyId, privateKey, createdAt } }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    // Below. The parser's own words quote what is secret.
  }
  throw unusable('it is no JSON object')
}

function unusable(why: string): AgentFetchError {
  return new AgentFetchError('identity_unusable', `what is kept of the agent cannot be used: ${why}`)
}
