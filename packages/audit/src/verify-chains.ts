import { canonicalJson } from '@countermark/core'
import type { Anchors } from './anchors.ts'
import type { ChainEnd } from './audit-sink.ts'
import { commitmentTo } from './commitment.ts'
import { createNamedRanges, type UnnamedRange } from './retention/named-ranges.ts'
import { hasOwnHash, isPruned, type PrunedMembers } from './retention/pruned-line.ts'
import { contentHash, firstPrevious, linkHash, type SealedMembers } from './seal-record.ts'

/** What is wrong with a trail, in one word. */
export type FindingKind = 'altered' | 'missing' | 'misplaced' | 'truncated' | 'malformed'

/** Something that would not be there if nobody had touched the trail. */
export interface Finding {
  readonly kind: FindingKind
  readonly message: string
}

/** What was found out about one chain. */
export interface ChainReport {
  readonly chain: string
  readonly first: number
  readonly last: number
  /** Up to this record a checkpoint vouches for the chain; 0 for no record. */
  readonly anchoredTo: number
  /** When the last checkpoint was signed that vouches for it. */
  readonly anchoredAt: string | undefined
  readonly follows: ChainEnd | undefined
}

/** Follows chains from record to record. */
export interface ChainVerifier {
  /** What is wrong with this record or its place. */
  readonly add: (sealed: SealedMembers | PrunedMembers) => readonly Finding[]
  /** What is missing at the ends, once everything was read. */
  readonly finish: () => readonly Finding[]
  readonly chains: () => readonly ChainReport[]
  /** How many values were erased. */
  readonly erased: () => number
  /** How many records were pruned. */
  readonly pruned: () => number
}

interface ChainState {
  readonly chain: string
  readonly first: number
  last: number
  lastHash: string
  anchoredTo: number
  anchoredAt: string | undefined
  readonly follows: ChainEnd | undefined
}

/** Verifies chains against checkpoints. `partial`: older files were taken away, so chains may begin in their middle. */
export function createChainVerifier(anchors: Anchors, { partial }: { readonly partial: boolean }): ChainVerifier {
  const states = new Map<string, ChainState>()
  const pruned = createNamedRanges('records_pruned')
  const erased = createNamedRanges('records_erased')
  let erasedValues = 0

  function begin(sealed: SealedMembers | PrunedMembers): readonly Finding[] {
    const { chain, seq, hash: own, previous } = sealed
    states.set(chain, {
      chain,
      first: seq,
      last: seq,
      lastHash: own,
      anchoredTo: 0,
      anchoredAt: undefined,
      follows: followedBy(sealed),
    })
    if (seq === 1 && previous === firstPrevious(chain)) return []
    if (partial && seq > 1) return []
    return [{ kind: 'missing', message: `chain ${chain} begins with record ${seq}: what stood before is gone` }]
  }

  function goOn(state: ChainState, { seq, previous, hash: own }: SealedMembers | PrunedMembers): readonly Finding[] {
    const { chain, last, lastHash } = state
    if (seq <= last)
      return [{ kind: 'misplaced', message: `record ${seq} of chain ${chain} stands behind record ${last}` }]
    state.last = seq
    state.lastHash = own
    if (seq > last + 1) {
      const gone = seq === last + 2 ? `record ${seq - 1}` : `records ${last + 1} to ${seq - 1}`
      return [{ kind: 'missing', message: `${gone} of chain ${chain} ${seq === last + 2 ? 'is' : 'are'} gone` }]
    }
    if (previous === lastHash) return []
    return [{ kind: 'altered', message: `record ${seq} of chain ${chain} continues another record ${last}` }]
  }

  function checkAnchor(sealed: SealedMembers | PrunedMembers): readonly Finding[] {
    const anchor = anchors.find(sealed.chain, sealed.seq)
    if (anchor === undefined) return []
    const state = states.get(sealed.chain)
    if (anchor.hash !== sealed.hash) {
      const message = `record ${sealed.seq} of chain ${sealed.chain} is not the one that was anchored at ${anchor.at}`
      return [{ kind: 'altered', message }]
    }
    if (state !== undefined) {
      state.anchoredTo = sealed.seq
      state.anchoredAt = anchor.at
    }
    return []
  }

  function noteErased(sealed: SealedMembers): void {
    pruned.addRecord(sealed.record)
    erased.addRecord(sealed.record)
    const count = erasedOf(sealed)
    if (count > 0) erased.add(sealed.chain, sealed.seq)
    erasedValues += count
  }

  return {
    add: (sealed) => {
      const state = states.get(sealed.chain)
      const place = state === undefined ? begin(sealed) : goOn(state, sealed)
      const own = isPruned(sealed) ? checkPruned(sealed) : checkRecord(sealed)
      if (isPruned(sealed)) pruned.add(sealed.chain, sealed.seq)
      else noteErased(sealed)
      return [...own, ...place, ...checkAnchor(sealed)]
    },
    finish: () => [
      ...anchors.ends().flatMap((end) => findCut(end, states, partial)),
      ...findUnfollowed(states, partial),
      ...pruned.unnamed().map((range) => unnamedFinding('records', range)),
      ...erased.unnamed().map((range) => unnamedFinding('values of records', range)),
    ],
    chains: () => [...states.values()].map(({ lastHash: _lastHash, ...report }) => report),
    erased: () => erasedValues,
    pruned: pruned.count,
  }
}

/** A record by itself: its hash, and that what may be erased is what was committed to. */
function checkRecord(sealed: SealedMembers): readonly Finding[] {
  const { chain, seq, previous, record } = sealed
  const findings: Finding[] = []
  const content = contentHash(canonicalJson(record))
  if (linkHash({ chain, seq, previous, content }) !== sealed.hash) {
    findings.push({ kind: 'altered', message: `record ${seq} of chain ${chain} does not have the hash that it states` })
  }
  const commitments: Readonly<Record<string, string>> = record.type === 'outcome' ? {} : record.commitments
  for (const [name, value] of Object.entries(sealed.private)) {
    if (Object.hasOwn(commitments, name) && commitments[name] === commitmentTo(value)) continue
    findings.push({
      kind: 'altered',
      message: `record ${seq} of chain ${chain} has another ${name} than it committed to`,
    })
  }
  return findings
}

function erasedOf({ record, private: values }: SealedMembers): number {
  const commitments = record.type === 'outcome' ? {} : record.commitments
  return Object.keys(commitments).length - Object.keys(values).length
}

/** Of a pruned record the place is left, and its hash is still made of that. */
function checkPruned(pruned: PrunedMembers): readonly Finding[] {
  if (hasOwnHash(pruned)) return []
  const { chain, seq } = pruned
  return [{ kind: 'altered', message: `pruned record ${seq} of chain ${chain} does not have the hash that it states` }]
}

function unnamedFinding(what: string, { chain, from, to }: UnnamedRange): Finding {
  return {
    kind: 'missing',
    message: `${what} ${from} to ${to} of chain ${chain} were taken away, and no event says so`,
  }
}

function followedBy(sealed: SealedMembers | PrunedMembers): ChainEnd | undefined {
  if (isPruned(sealed)) return undefined
  const { record } = sealed
  if (record.type !== 'event' || record.event !== 'trail_started') return undefined
  const { follows } = record.details
  if (typeof follows !== 'object' || follows === null) return undefined
  const { chain, seq, hash: own }: Readonly<Record<string, unknown>> = { ...follows }
  if (typeof chain !== 'string' || typeof seq !== 'number' || typeof own !== 'string') return undefined
  return { chain, seq, hash: own }
}

/** Checkpoints know of records that are not there. */
function findCut(end: ChainEnd, states: ReadonlyMap<string, ChainState>, partial: boolean): readonly Finding[] {
  const state = states.get(end.chain)
  if (state === undefined) {
    return partial
      ? []
      : [{ kind: 'missing', message: `chain ${end.chain} is gone: ${end.seq} of its records were anchored` }]
  }
  if (state.last >= end.seq) return []
  const message = `chain ${end.chain} ends with record ${state.last}: record ${end.seq} was anchored`
  return [{ kind: 'truncated', message }]
}

/** A chain names the one that stood there before it, and where that ended. */
function findUnfollowed(states: ReadonlyMap<string, ChainState>, partial: boolean): readonly Finding[] {
  return [...states.values()].flatMap(({ chain, follows }): readonly Finding[] => {
    if (follows === undefined) return []
    const before = states.get(follows.chain)
    if (before === undefined) {
      return partial ? [] : [{ kind: 'missing', message: `chain ${follows.chain} is gone: chain ${chain} follows it` }]
    }
    // Where two processes overlapped, the older chain went on: what it wrote then is judged by its own links.
    if (before.last > follows.seq || before.lastHash === follows.hash) return []
    return [{ kind: 'truncated', message: `chain ${follows.chain} no longer ends where chain ${chain} found its end` }]
  })
}
