import type { ChainEnd } from '../record/chain.ts'
import { isPruned, type PlacedMembers } from '../record/read-trail.ts'
import type { Anchors } from './anchors.ts'
import type { Finding } from './check-record.ts'

/** As far as it decides about what is missing. */
export interface PresentChain {
  readonly chain: string
  readonly first: number
  readonly last: number
  readonly anchoredTo: number
  /** When the first of its records was written that tells a time. Milliseconds. */
  readonly firstAtMs: number | undefined
}

/** Whether older files were taken away on purpose, and which chains that excuses. */
export interface PartialTrail {
  /** Whether a chain began before the oldest record that is there. */
  readonly excuses: (chain: string) => boolean
}

/**
 * With older files, the oldest chain that is there can have lost its beginning, and so can those that began before the oldest
 * record; no other. Where there are checkpoints, one of the chains that are there must be anchored: without any, everything
 * could have been replaced.
 */
export function partialTrail(chains: readonly PresentChain[], anchors: Anchors): PartialTrail {
  if (anchors.count > 0 && !chains.some(({ first, anchoredTo }) => anchoredTo >= first)) return WHOLE_TRAIL
  const oldest = chains.reduce<PresentChain | undefined>(older, undefined)
  if (oldest === undefined) return WHOLE_TRAIL
  const times = chains.flatMap(({ firstAtMs }) => (firstAtMs === undefined ? [] : [firstAtMs]))
  // Names tell whole seconds: what began in the same one is not taken for older.
  const oldestMs = Math.floor(Math.min(...times) / 1000) * 1000
  const limitMs = Math.max(startOf(oldest.chain), times.length === 0 ? Number.NEGATIVE_INFINITY : oldestMs)
  return { excuses: (chain) => chain === oldest.chain || startOf(chain) < limitMs }
}

function older(one: PresentChain | undefined, other: PresentChain): PresentChain {
  return one === undefined || startOf(other.chain) < startOf(one.chain) ? other : one
}

/** Nothing is excused. */
export const WHOLE_TRAIL: PartialTrail = { excuses: () => false }

/** The start that a chain's name begins with, in milliseconds; a name without one counts as the youngest. */
function startOf(chain: string): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(chain) ?? []
  const [year, month = 1, day, hour, minute, second] = parts.map(Number)
  return year === undefined ? Number.POSITIVE_INFINITY : Date.UTC(year, month - 1, day, hour, minute, second)
}

/** When a record was written, if it tells. Milliseconds. */
export function timeOf(placed: PlacedMembers): number | undefined {
  const atMs = isPruned(placed) ? Number.NaN : Date.parse(placed.record.at)
  return Number.isNaN(atMs) ? undefined : atMs
}

/** Chains that begin in their middle. */
export function findBeheaded(chains: readonly PresentChain[], { excuses }: PartialTrail): readonly Finding[] {
  return chains
    .filter(({ chain, first }) => first > 1 && !excuses(chain))
    .map(({ chain, first }) => ({
      kind: 'missing',
      message: `chain ${chain} begins with record ${first}: what stood before is gone`,
    }))
}

/** Checkpoints know of records that are not there. */
export function findCut(
  ends: readonly ChainEnd[],
  chains: ReadonlyMap<string, PresentChain>,
  { excuses }: PartialTrail,
): readonly Finding[] {
  return ends.flatMap(({ chain, seq }): readonly Finding[] => {
    const present = chains.get(chain)
    if (present !== undefined && present.last >= seq) return []
    if (present !== undefined) {
      const message = `chain ${chain} ends with record ${present.last}: record ${seq} was anchored`
      return [{ kind: 'truncated', message }]
    }
    if (excuses(chain)) return []
    return [{ kind: 'missing', message: `chain ${chain} is gone: ${seq} of its records were anchored` }]
  })
}
