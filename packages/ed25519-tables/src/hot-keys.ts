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
export class HotKeys {
  private readonly engine: HotKeysOptions['engine']
  private readonly after: number
  /** In the order of use. */
  private readonly hot = new Map<string, HotKey>()
  private readonly candidates = new Map<string, Candidate>()
  private readonly free: number[]
  private accepted = 0

  constructor({ engine, after, maxKeys }: HotKeysOptions) {
    this.engine = engine
    this.after = after
    this.free = Array.from({ length: maxKeys }, (_, index) => maxKeys - 1 - index)
  }

  size(): number {
    return this.hot.size
  }

  /** The table of a key, if it has one. The bytes decide what is verified; a thumbprint is only what a source says of them. */
  find({ thumbprint, rawPublicKey }: AgentKey): HotKey | undefined {
    const found = this.hot.get(thumbprint)
    return found !== undefined && rawPublicKey !== undefined && isSame(found.point, rawPublicKey) ? found : undefined
  }

  /** Notes an accepted signature of a key with a table. */
  use(used: HotKey): void {
    used.lastUsed = ++this.accepted
    this.hot.delete(used.thumbprint)
    this.hot.set(used.thumbprint, used)
  }

  /** Notes an accepted signature of a key without one, which may earn it one. */
  noteAccepted(key: AgentKey): void {
    this.accepted++
    const candidate = this.candidates.get(key.thumbprint) ?? this.admit(key.thumbprint)
    if (++candidate.accepted < this.after) return
    this.candidates.delete(key.thumbprint)
    const table = this.findRoom(key.thumbprint, candidate.since)
    if (table !== undefined) this.build(key, table)
  }

  private admit(thumbprint: string): Candidate {
    const { candidates } = this
    const oldest = candidates.size < MAX_CANDIDATES ? undefined : candidates.keys().next().value
    if (oldest !== undefined) candidates.delete(oldest)
    const candidate = { since: this.accepted, accepted: 0 }
    candidates.set(thumbprint, candidate)
    return candidate
  }

  private findRoom(thumbprint: string, since: number): number | undefined {
    const { free, hot } = this
    // A thumbprint that comes with other bytes than before gets no second table.
    const leaving = hot.get(thumbprint) ?? (free.length > 0 ? undefined : hot.values().next().value)
    if (leaving === undefined) return free.pop()
    if (leaving.thumbprint !== thumbprint && leaving.lastUsed >= since) return undefined
    hot.delete(leaving.thumbprint)
    return leaving.table
  }

  private build({ thumbprint, rawPublicKey }: AgentKey, table: number): void {
    if (rawPublicKey === undefined || !this.engine.build(table, rawPublicKey)) return void this.free.push(table)
    const point = Uint8Array.from(rawPublicKey)
    this.hot.set(thumbprint, { table, thumbprint, point, lastUsed: this.accepted, isCompared: false })
  }
}

/** Not in constant time: keys are public. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false
  return true
}
