import { type Clock, type MetricRow, Unavailable } from '@countermark/core'
import { methods, number, optionTable, type RevokedKeys, systemClock } from '@countermark/core/internal'
import { REVOCATION_METRICS } from '../metric-rows.ts'
import { LostRevocations } from './lost-revocations.ts'
import {
  REVOCATION_TYPES,
  type RevocationEvent,
  type RevocationName,
  requireEvent,
  revocationKey,
} from './revocation-event.ts'

/** What a token, or a link that was handed on, can be revoked by. */
export interface Revocable {
  /** Unix seconds: revocations that end what was issued before a moment look at it. */
  readonly issuedAt: number
  /** Made once for each token, by `revocationKey`. */
  readonly keys: readonly string[]
}

/** A list of what no longer counts, in this process. A feed of revocations tells it by `apply`. */
export interface Revocations {
  /**
   * Takes one event over; it counts from the next request on. Any event, `alive` too, shows that the feed works.
   * @throws TypeError for what is no event
   */
  readonly apply: (event: RevocationEvent) => void
  /** Takes a revocation back, such as the suspension of an agent. */
  readonly withdraw: (event: RevocationName) => void
  /** @throws Unavailable `revocation_unavailable` when the list had no room for an event that may have been about these */
  readonly covers: (revocables: readonly Revocable[]) => boolean
  /** Whether the feed has been silent for longer than `staleAfterSeconds`. */
  readonly isStale: () => boolean
  /** How many are remembered, those included for which there was no room. */
  readonly size: () => number
  /** Whether an agent, or its key, was revoked for what was signed at a time (Unix seconds). @throws Unavailable */
  readonly findSigner: (signer: RevocableSigner) => 'agent' | 'key' | undefined
  /** Tells of each revocation of an agent or a key as it arrives. */
  readonly follow: (listener: (revoked: RevokedKeys) => void) => void
  /** Told the clock of the guard that uses it. A clock of its own goes before, and the first of several counts. */
  readonly useClock: (clock: Clock) => void
  /** Forgets every revocation: for tests. */
  readonly clear: () => void
  /** What it can tell about itself. @default nothing */
  readonly metrics?: readonly MetricRow[]
}

/** Who signed, with what and when. */
export interface RevocableSigner {
  readonly agentId: string
  readonly thumbprint: string
  /** Unix seconds. */
  readonly created: number
}

/** Options of {@link createRevocations}. */
export interface RevocationsOptions {
  /**
   * Most revocations that are remembered word by word. What one more is about is refused with 503 until it has ended, and with
   * it, while no more are left out than fit, one name in 100,000 that looks alike. @default 100_000
   */
  readonly maxEntries?: number
  /** A feed that is silent for longer counts as lost: unsafe methods get 503. @default never */
  readonly staleAfterSeconds?: number
  /** @default the clock of the first guard that is composed with it, and until then the machine's */
  readonly clock?: Clock
}

/** No token lives longer, so a revocation of what was issued before a moment may be forgotten this much later. */
const LONGEST_LIFE_SECONDS = 86_400 + 60

interface Entry {
  /** Tokens issued at this second or before are revoked. */
  readonly issuedBefore: number
  /** Unix seconds: nothing it covers can be alive after this. */
  readonly until: number
}

const TABLE = optionTable('createRevocations', {
  maxEntries: number({ min: 1, max: 10_000_000, default: 100_000 }),
  staleAfterSeconds: number({ min: 1 }),
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
})

/**
 * Creates a deny-list. Revoking a user, an agent, a key or a chain ends every token and every link that it has a part in.
 * @example
 * const revocations = createRevocations()
 * revocations.apply({ type: 'agent', agentId: 'agt_7f2k9x' })
 * @throws {@link Misconfigured}
 */
export function createRevocations(options: RevocationsOptions = {}): Revocations {
  const { maxEntries, staleAfterSeconds = Number.POSITIVE_INFINITY, clock } = TABLE.read(options)
  return new RevocationList(maxEntries, staleAfterSeconds * 1000, clock)
}

type Follower = Parameters<Revocations['follow']>[0]

/** Public members are functions of their own: a feed takes `revocations.apply` as its listener. */
class RevocationList implements Revocations {
  readonly #maxEntries: number
  readonly #staleAfterMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #followers = new Set<Follower>()
  readonly #applied: Record<RevocationName['type'], number> = { token: 0, agent: 0, key: 0, chain: 0, user: 0 }
  #clock: Clock
  #hasClock: boolean
  #lost: LostRevocations
  /** When the next entry ends: looking at all of them is too dear for each event that finds the list full. */
  #nextEnd = Number.POSITIVE_INFINITY
  #heardMs: number

  constructor(maxEntries: number, staleAfterMs: number, clock: Clock | undefined) {
    this.#maxEntries = maxEntries
    this.#staleAfterMs = staleAfterMs
    this.#clock = clock ?? systemClock
    this.#hasClock = clock !== undefined
    this.#lost = new LostRevocations(maxEntries)
    this.#heardMs = this.#clock.monotonicMs()
  }

  readonly apply = (event: RevocationEvent): void => {
    requireEvent(event)
    this.#heardMs = this.#clock.monotonicMs()
    if (event.type === 'alive') return
    this.#applied[event.type] += 1
    const now = this.#clock.wallMs() / 1000
    const key = revocationKey(event)
    const entry = widen(this.#entries.get(key), toEntry(event, now))
    if (this.#entries.has(key) || this.#makeRoom(now)) {
      this.#entries.set(key, entry)
      this.#nextEnd = Math.min(this.#nextEnd, entry.until)
    } else this.#lost.add(key, entry.until)
    // Last: the revocation counts, whatever a follower does.
    this.#tellFollowers(event)
  }

  readonly withdraw = (event: RevocationName): void => void this.#entries.delete(revocationKey(event))

  readonly covers = (revocables: readonly Revocable[]): boolean => {
    if (this.#entries.size > 0 && revocables.some((revocable) => isCovered(revocable, this.#entries))) return true
    if (this.#losses() === 0 || !revocables.some(({ keys }) => this.#lost.mayHold(keys))) return false
    throw new Unavailable('revocation_unavailable', 'revocation', 'the list of revocations is full')
  }

  readonly findSigner = ({ agentId, thumbprint, created }: RevocableSigner): 'agent' | 'key' | undefined => {
    if (this.#entries.size + this.#lost.size() === 0) return undefined
    const isRevoked = (name: RevocationName): boolean =>
      this.covers([{ keys: [revocationKey(name)], issuedAt: created }])
    if (isRevoked({ type: 'agent', agentId })) return 'agent'
    return isRevoked({ type: 'key', thumbprint }) ? 'key' : undefined
  }

  readonly follow = (listener: Follower): void => void this.#followers.add(listener)

  readonly useClock = (clock: Clock): void => {
    if (this.#hasClock) return
    this.#hasClock = true
    this.#heardMs += clock.monotonicMs() - this.#clock.monotonicMs()
    this.#clock = clock
  }

  readonly clear = (): void => {
    this.#entries.clear()
    this.#lost = new LostRevocations(this.#maxEntries)
    this.#nextEnd = Number.POSITIVE_INFINITY
  }

  readonly isStale = (): boolean => this.#clock.monotonicMs() - this.#heardMs > this.#staleAfterMs

  readonly size = (): number => this.#entries.size + this.#losses()

  readonly metrics: readonly MetricRow[] = REVOCATION_METRICS.rowsOf(
    {},
    {
      revocations: () => this.#entries.size,
      // By the wall clock of now: it may have been set since.
      revocation_feed_heard_timestamp_seconds: () =>
        (this.#clock.wallMs() - this.#clock.monotonicMs() + this.#heardMs) / 1000,
      degraded: () => (this.isStale() || this.#losses() > 0 ? 1 : 0),
    },
  ).flatMap((row) => (row.name === 'revocations_applied_total' ? this.#appliedRows(row) : row))

  /** Counted here: outside of requests there is no observer to report to. */
  #appliedRows(row: MetricRow): readonly MetricRow[] {
    return REVOCATION_TYPES.map((type) => ({ ...row, labels: { type: [type] }, read: () => this.#applied[type] }))
  }

  #makeRoom(now: number): boolean {
    if (this.#entries.size < this.#maxEntries) return true
    if (now <= this.#nextEnd) return false
    this.#nextEnd = Number.POSITIVE_INFINITY
    for (const [key, { until }] of this.#entries) {
      if (until < now) this.#entries.delete(key)
      else this.#nextEnd = Math.min(this.#nextEnd, until)
    }
    return this.#entries.size < this.#maxEntries
  }

  #losses(): number {
    if (this.#lost.size() > 0) this.#lost.expire(this.#clock.wallMs() / 1000)
    return this.#lost.size()
  }

  #tellFollowers(event: RevocationName): void {
    for (const tell of this.#followers) {
      if (event.type === 'agent') tell({ agentId: event.agentId })
      if (event.type === 'key') tell({ thumbprint: event.thumbprint })
    }
  }
}

function isCovered({ keys, issuedAt }: Revocable, entries: ReadonlyMap<string, Entry>): boolean {
  return keys.some((key) => issuedAt <= (entries.get(key)?.issuedBefore ?? Number.NEGATIVE_INFINITY))
}

function toEntry(event: RevocationName, now: number): Entry {
  if (event.type === 'token' && 'tokenId' in event) {
    return { issuedBefore: Number.POSITIVE_INFINITY, until: event.expiresAt ?? now + LONGEST_LIFE_SECONDS }
  }
  if (event.type === 'token') return { issuedBefore: event.issuedAt, until: event.issuedAt + LONGEST_LIFE_SECONDS }
  const { issuedBefore = Number.POSITIVE_INFINITY } = event
  return { issuedBefore, until: issuedBefore + LONGEST_LIFE_SECONDS }
}

/** A second event about the same thing must not take back what the first one said. */
function widen(known: Entry | undefined, entry: Entry): Entry {
  if (known === undefined) return entry
  const { issuedBefore, until } = known
  return { issuedBefore: Math.max(issuedBefore, entry.issuedBefore), until: Math.max(until, entry.until) }
}
