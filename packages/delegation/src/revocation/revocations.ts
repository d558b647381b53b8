import {
  type Clock,
  type MetricRow,
  Misconfigured,
  requireKnownOptions,
  requireNumber,
  Unavailable,
} from '@countermark/core'
import { type RevokedKeys, readMetrics, systemClock } from '@countermark/core/internal'
import { APPLIED_METRIC_ROW, REVOCATION_METRIC_ROWS } from '../metric-rows.ts'
import { createLostRevocations } from './lost-revocations.ts'
import { type RevocationEvent, type RevocationName, requireEvent, revocationKey } from './revocation-event.ts'

/** What a token, or a link that was handed on, can be revoked by. */
export interface Revocable {
  /** Unix seconds: revocations that end what was issued before a moment look at it. */
  readonly issuedAt: number
  /** Made once for each token, by {@link revocableKeys}. */
  readonly keys: readonly string[]
}

/** A list of what no longer counts, in this process. Whoever learns of a revocation tells it by `apply`. */
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

/**
 * Creates a deny-list. Revoking a user, an agent, a key or a chain ends every token and every link that it has a part in.
 * @example
 * const revocations = createRevocations()
 * revocations.apply({ type: 'agent', agentId: 'agt_7f2k9x' })
 */
export function createRevocations(options: RevocationsOptions = {}): Revocations {
  const { maxEntries, staleAfterMs, clock: given } = readOptions(options)
  let clock = given
  let isSettled = options.clock !== undefined
  const followers = new Set<(revoked: RevokedKeys) => void>()
  const entries = new Map<string, Entry>()
  let lost = createLostRevocations(maxEntries)
  /** When the next entry ends: looking at all of them is too dear for each event that finds the list full. */
  let nextEnd = Number.POSITIVE_INFINITY
  let heardMs = clock.monotonicMs()
  const applied = createAppliedCounters()
  const isStale = (): boolean => clock.monotonicMs() - heardMs > staleAfterMs

  function makeRoom(now: number): boolean {
    if (entries.size < maxEntries) return true
    if (now <= nextEnd) return false
    nextEnd = Number.POSITIVE_INFINITY
    for (const [key, { until }] of entries) {
      if (until < now) entries.delete(key)
      else nextEnd = Math.min(nextEnd, until)
    }
    return entries.size < maxEntries
  }

  function losses(): number {
    if (lost.size() > 0) lost.expire(clock.wallMs() / 1000)
    return lost.size()
  }

  function covers(revocables: readonly Revocable[]): boolean {
    if (entries.size > 0 && revocables.some((revocable) => isCovered(revocable, entries))) return true
    if (losses() === 0 || !revocables.some(({ keys }) => lost.mayHold(keys))) return false
    throw new Unavailable('revocation_unavailable', 'revocation', 'the list of revocations is full')
  }

  return {
    apply: (event) => {
      requireEvent(event)
      heardMs = clock.monotonicMs()
      if (event.type === 'alive') return
      applied.count(event.type)
      const now = clock.wallMs() / 1000
      const key = revocationKey(event)
      const entry = widen(entries.get(key), toEntry(event, now))
      if (entries.has(key) || makeRoom(now)) {
        entries.set(key, entry)
        nextEnd = Math.min(nextEnd, entry.until)
      } else lost.add(key, entry.until)
      // Last: the revocation counts, whatever a follower does.
      tellFollowers(event, followers)
    },
    withdraw: (event) => void entries.delete(revocationKey(event)),
    covers,
    findSigner: ({ agentId, thumbprint, created }) => {
      const isRevoked = (name: RevocationName): boolean => covers([{ keys: [revocationKey(name)], issuedAt: created }])
      if (entries.size + lost.size() === 0) return undefined
      if (isRevoked({ type: 'agent', agentId })) return 'agent'
      return isRevoked({ type: 'key', thumbprint }) ? 'key' : undefined
    },
    follow: (listener) => void followers.add(listener),
    useClock: (next) => {
      if (isSettled) return
      isSettled = true
      heardMs += next.monotonicMs() - clock.monotonicMs()
      clock = next
    },
    clear: () => {
      entries.clear()
      lost = createLostRevocations(maxEntries)
      nextEnd = Number.POSITIVE_INFINITY
    },
    isStale,
    size: () => entries.size + losses(),
    metrics: [
      ...applied.metrics,
      ...readMetrics(REVOCATION_METRIC_ROWS, {
        revocations: () => entries.size,
        // By the wall clock of now: it may have been set since.
        revocation_feed_heard_timestamp_seconds: () => (clock.wallMs() - clock.monotonicMs() + heardMs) / 1000,
        degraded: () => (isStale() || losses() > 0 ? 1 : 0),
      }),
    ],
  }
}

function tellFollowers(event: RevocationName, followers: Iterable<(revoked: RevokedKeys) => void>): void {
  if (event.type === 'agent') for (const tell of followers) tell({ agentId: event.agentId })
  if (event.type === 'key') for (const tell of followers) tell({ thumbprint: event.thumbprint })
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

interface Settings {
  readonly maxEntries: number
  readonly staleAfterMs: number
  readonly clock: Clock
}

function readOptions(options: RevocationsOptions): Settings {
  requireKnownOptions('createRevocations', options, ['maxEntries', 'staleAfterSeconds', 'clock'])
  const { maxEntries = 100_000, staleAfterSeconds, clock = systemClock } = options
  if (typeof clock?.wallMs !== 'function' || typeof clock.monotonicMs !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'clock must have wallMs and monotonicMs')
  }
  requireNumber('maxEntries', maxEntries, { min: 1, max: 10_000_000 })
  if (staleAfterSeconds === undefined) return { maxEntries, clock, staleAfterMs: Number.POSITIVE_INFINITY }
  return { maxEntries, clock, staleAfterMs: requireNumber('staleAfterSeconds', staleAfterSeconds, { min: 1 }) * 1000 }
}

/** Counts revocations outside of requests, where there is nobody to report to. */
interface AppliedCounters {
  readonly count: (type: RevocationName['type']) => void
  readonly metrics: readonly MetricRow[]
}

/** Begins at zero. */
function createAppliedCounters(): AppliedCounters {
  const counts: Record<RevocationName['type'], number> = { token: 0, agent: 0, key: 0, chain: 0, user: 0 }
  const types: readonly RevocationName['type'][] = ['token', 'agent', 'key', 'chain', 'user']
  return {
    count: (type) => {
      counts[type] += 1
    },
    metrics: types.map((type) => ({ ...APPLIED_METRIC_ROW, labels: { type: [type] }, read: () => counts[type] })),
  }
}
