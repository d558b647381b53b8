import type { AgentRow, KeyRow } from './registry-tables.ts'

/** How old the keys of one kind may become. Days. */
export interface KeyAges {
  /** From then on the answer says that the key is due soon. */
  readonly warn: number
  /** From then on the client should rotate by itself. */
  readonly rotate: number
  /** From then on the key is refused. */
  readonly refuse: number
}

/** By kind of key: where the private half is. */
export type KeyPolicy = Readonly<Record<string, KeyAges>>

/** Software keys live a quarter, keys in hardware a year, keys of workloads a day. */
export const DEFAULT_KEY_POLICY: KeyPolicy = {
  software: { warn: 60, rotate: 75, refuse: 90 },
  hardware: { warn: 300, rotate: 335, refuse: 365 },
  workload: { warn: 0.5, rotate: 0.75, refuse: 1 },
}

/** What the registry says of a key at one moment. */
export interface KeyStatus {
  readonly state: 'pending' | 'active' | 'retiring' | 'retired' | 'revoked'
  /** Unix milliseconds. */
  readonly notBefore: number
  readonly notAfter: number | undefined
  readonly age: 'fresh' | 'warn' | 'rotate' | 'refuse'
}

const DAY_MS = 86_400_000

/** Judges a key by its own times, and by the age that its kind may reach. */
export function statusOfKey(
  key: KeyRow,
  agent: Pick<AgentRow, 'expires_at'>,
  policy: KeyPolicy,
  nowMs: number,
): KeyStatus {
  const ages = policy[key.kind]
  const ends = [key.not_after, agent.expires_at, ages === undefined ? null : key.created_at + ages.refuse * DAY_MS]
  const known = ends.filter((end) => end !== null)
  const notAfter = known.length === 0 ? undefined : Math.min(...known)
  return {
    state: stateOf(key, notAfter, nowMs),
    notBefore: key.not_before,
    notAfter,
    age: ages === undefined ? 'fresh' : ageOf((nowMs - key.created_at) / DAY_MS, ages),
  }
}

function stateOf(key: KeyRow, notAfter: number | undefined, nowMs: number): KeyStatus['state'] {
  if (key.state === 'revoked') return 'revoked'
  if (key.state === 'pending' || nowMs < key.not_before) return 'pending'
  if (notAfter !== undefined && !(nowMs < notAfter)) return 'retired'
  return key.not_after === null ? 'active' : 'retiring'
}

function ageOf(days: number, { warn, rotate, refuse }: KeyAges): KeyStatus['age'] {
  if (days >= refuse) return 'refuse'
  if (days >= rotate) return 'rotate'
  return days >= warn ? 'warn' : 'fresh'
}

/** Whether an agent can sign with it now. */
export function isUsable({ state }: KeyStatus): boolean {
  return state === 'active' || state === 'retiring'
}
