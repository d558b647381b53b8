import type { AgentKey } from '@countermark/core'
import type { TableEngine } from './table-engine.ts'

/** Which keys get a table. */
export interface HotKeysOptions {
  readonly engine: Pick<TableEngine, 'build'>
  /** Accepted signatures after which a key gets a table. */
  readonly after: number
  /** Tables at a time. */
  readonly maxKeys: number
}

/** The keys that have a table. */
export interface HotKeys {
  /** The table of a key, if it has one. */
  readonly find: (key: AgentKey) => HotKey | undefined
  /** Notes an accepted signature of a key with a table. */
  readonly use: (hot: HotKey) => void
  /** Notes an accepted signature of a key without one, which may earn it one. */
  readonly noteAccepted: (key: AgentKey) => void
  readonly size: () => number
}

/** A key with a table. */
export interface HotKey {
  readonly table: number
  readonly thumbprint: string
  readonly point: Uint8Array
  /** Counts accepted signatures of all keys. */
  lastUsed: number
  /** Whether a verdict of this table was compared: the first one always is. */
  isCompared: boolean
}

interface Candidate {
  readonly since: number
  accepted: number
}

/** Keys that may yet earn a table. Agents get here by signatures that hold, so strangers cannot push them out. */
const MAX_CANDIDATES = 4096

/**
 * Keeps tables for the keys that are used most, least recently used first to go. Only accepted signatures count: bad ones
 * neither earn a table nor keep one. A full house changes only for a key that was accepted `after` times since the table
 * that would go was last used: more busy keys than tables share them without building all the time.
 */
export function createHotKeys({ engine, after, maxKeys }: HotKeysOptions): HotKeys {
  const hot = new Map<string, HotKey>() // in the order of use
  const candidates = new Map<string, Candidate>()
  const free = Array.from({ length: maxKeys }, (_, index) => maxKeys - 1 - index)
  let accepted = 0

  function noteAccepted(key: AgentKey): void {
    accepted++
    const candidate = candidates.get(key.thumbprint) ?? admit(key.thumbprint)
    if (++candidate.accepted < after) return
    candidates.delete(key.thumbprint)
    const table = findRoom(key.thumbprint, candidate.since)
    if (table !== undefined) build(key, table)
  }

  function admit(thumbprint: string): Candidate {
    const oldest = candidates.size < MAX_CANDIDATES ? undefined : candidates.keys().next().value
    if (oldest !== undefined) candidates.delete(oldest)
    const candidate = { since: accepted, accepted: 0 }
    candidates.set(thumbprint, candidate)
    return candidate
  }

  function findRoom(thumbprint: string, since: number): number | undefined {
    // A thumbprint that comes with other bytes than before gets no second table.
    const leaving = hot.get(thumbprint) ?? (free.length > 0 ? undefined : hot.values().next().value)
    if (leaving === undefined) return free.pop()
    if (leaving.thumbprint !== thumbprint && leaving.lastUsed >= since) return undefined
    hot.delete(leaving.thumbprint)
    return leaving.table
  }

  function build({ thumbprint, rawPublicKey }: AgentKey, table: number): void {
    if (rawPublicKey === undefined || !engine.build(table, rawPublicKey)) return void free.push(table)
    hot.set(thumbprint, {
      table,
      thumbprint,
      point: Uint8Array.from(rawPublicKey),
      lastUsed: accepted,
      isCompared: false,
    })
  }

  return {
    find: ({ thumbprint, rawPublicKey }) => {
      const found = hot.get(thumbprint)
      // The bytes decide what is verified; a thumbprint is only what a source says of them.
      return found !== undefined && rawPublicKey !== undefined && isSame(found.point, rawPublicKey) ? found : undefined
    },
    use: (used) => {
      used.lastUsed = ++accepted
      hot.delete(used.thumbprint)
      hot.set(used.thumbprint, used)
    },
    noteAccepted,
    size: () => hot.size,
  }
}

/** Not in constant time: keys are public. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false
  return true
}
