import { type ChainEnd, firstPrevious, type SealedMembers } from '../record/chain.ts'
import { isPruned, type PrunedMembers } from '../record/parse-line.ts'
import type { Anchors } from './anchors.ts'
import { checkProof, checkRecord, erasedNames, type Finding } from './check-record.ts'
import { createEvidenceCheck, type EvidenceState } from './evidence-check.ts'
import { createNamedRanges, type UnnamedRange } from './named-ranges.ts'
import { findBeheaded, findCut, type PresentChain, partialTrail, timeOf, WHOLE_TRAIL } from './partial-trail.ts'

/** What was found out about one chain. */
export interface ChainReport {
  readonly chain: string
  readonly first: number
  readonly last: number
  /** Up to this record a checkpoint vouches for the chain, its own or that of a chain that follows it; 0 for no record. */
  readonly anchoredTo: number
  /** When the last checkpoint was signed that vouches for it. */
  readonly anchoredAt: string | undefined
  readonly follows: ChainEnd | undefined
}

/** What is wrong with a record, and what its evidence is worth. */
export interface JudgedRecord {
  /** By itself. */
  readonly own: readonly Finding[]
  /** Where it stands. */
  readonly place: readonly Finding[]
  readonly evidence: EvidenceState
}

/** Follows chains from record to record. */
export interface ChainVerifier {
  readonly add: (sealed: SealedMembers | PrunedMembers) => JudgedRecord
  /** What is missing at the ends, once everything was read. */
  readonly finish: () => readonly Finding[]
  readonly chains: () => readonly ChainReport[]
  /** How many values were erased. */
  readonly erased: () => number
  /** How many records were pruned. */
  readonly pruned: () => number
}

interface ChainState extends PresentChain {
  last: number
  lastHash: string
  anchoredTo: number
  anchoredAt: string | undefined
  firstAtMs: number | undefined
  readonly follows: ChainEnd | undefined
}

const NO_FINDINGS: readonly Finding[] = []

/** Verifies chains against checkpoints. `partial`: older files were taken away, so older chains may begin in their middle. */
export function createChainVerifier(anchors: Anchors, { partial }: { readonly partial: boolean }): ChainVerifier {
  const states = new Map<string, ChainState>()
  const pruned = createNamedRanges('records_pruned')
  const erased = createNamedRanges('records_erased')
  const evidenceOf = createEvidenceCheck()
  let erasedValues = 0
  let prunedRecords = 0

  function begin(placed: SealedMembers | PrunedMembers): readonly Finding[] {
    const { chain, seq, hash: own, previous } = placed
    const anchored = { anchoredTo: 0, anchoredAt: undefined }
    const ends = { first: seq, last: seq, lastHash: own, firstAtMs: timeOf(placed) }
    states.set(chain, { chain, ...ends, ...anchored, follows: followedBy(placed) })
    if (seq > 1 || previous === firstPrevious(chain)) return NO_FINDINGS
    return [{ kind: 'altered', message: `record 1 of chain ${chain} does not begin it` }]
  }

  function goOn(state: ChainState, placed: SealedMembers | PrunedMembers): readonly Finding[] {
    const { seq, previous, hash: own } = placed
    const { chain, last, lastHash } = state
    if (seq <= last)
      return [{ kind: 'misplaced', message: `record ${seq} of chain ${chain} stands behind record ${last}` }]
    state.last = seq
    state.lastHash = own
    state.firstAtMs ??= timeOf(placed)
    if (seq > last + 1) {
      const gone = seq === last + 2 ? `record ${seq - 1}` : `records ${last + 1} to ${seq - 1}`
      return [{ kind: 'missing', message: `${gone} of chain ${chain} ${seq === last + 2 ? 'is' : 'are'} gone` }]
    }
    if (previous === lastHash) return NO_FINDINGS
    return [{ kind: 'altered', message: `record ${seq} of chain ${chain} continues another record ${last}` }]
  }

  function checkAnchor({ chain, seq, hash: own }: SealedMembers | PrunedMembers): readonly Finding[] {
    const anchor = anchors.find(chain, seq)
    if (anchor === undefined) return NO_FINDINGS
    if (anchor.hash !== own) {
      const message = `record ${seq} of chain ${chain} is not the one that was anchored at ${anchor.at}`
      return [{ kind: 'altered', message }]
    }
    const state = states.get(chain)
    if (state !== undefined) Object.assign(state, { anchoredTo: seq, anchoredAt: anchor.at })
    return NO_FINDINGS
  }

  function judgeWhole(sealed: SealedMembers): Omit<JudgedRecord, 'place'> {
    pruned.addRecord(sealed)
    erased.addRecord(sealed)
    const gone = erasedNames(sealed)
    erased.add(sealed, gone)
    erasedValues += gone.length
    const evidence = evidenceOf(sealed)
    return { own: [...checkRecord(sealed), ...checkProof(sealed, evidence)], evidence }
  }

  function judgePruned(placed: PrunedMembers): Omit<JudgedRecord, 'place'> {
    pruned.add(placed, WHOLE_RECORD)
    prunedRecords += 1
    return { own: checkRecord(placed), evidence: 'unsigned' }
  }

  return {
    add: (placed) => {
      const state = states.get(placed.chain)
      const own = isPruned(placed) ? judgePruned(placed) : judgeWhole(placed)
      const place = state === undefined ? begin(placed) : goOn(state, placed)
      return { ...own, place: [...place, ...checkAnchor(placed)] }
    },
    finish: () => {
      anchorFollowed(states)
      const all = [...states.values()]
      const excused = partial ? partialTrail(all, anchors) : WHOLE_TRAIL
      const anchoredTo = (chain: string): number => states.get(chain)?.anchoredTo ?? 0
      return [
        ...findBeheaded(all, excused),
        ...findCut(anchors.ends(), states, excused),
        ...all.flatMap((state) => findUnfollowed(state, states, excused.excuses)),
        ...pruned.unnamed(anchoredTo).map((range) => unnamedFinding('records', range)),
        ...erased.unnamed(anchoredTo).map((range) => unnamedFinding('values of records', range)),
      ]
    },
    chains: () => [...states.values()].map(({ lastHash: _lastHash, firstAtMs: _firstAtMs, ...report }) => report),
    erased: () => erasedValues,
    pruned: () => prunedRecords,
  }
}

const WHOLE_RECORD = ['record']

/** A chain that is anchored names the end of the one before: that is anchored to its end then, and so on. */
function anchorFollowed(states: ReadonlyMap<string, ChainState>): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const { anchoredTo, anchoredAt, follows } of [...states.values()].reverse()) {
      const before = follows === undefined || anchoredTo === 0 ? undefined : states.get(follows.chain)
      if (before === undefined || before.anchoredTo >= before.last) continue
      if (before.last !== follows?.seq || before.lastHash !== follows.hash) continue
      Object.assign(before, { anchoredTo: before.last, anchoredAt })
      changed = true
    }
  }
}

function unnamedFinding(what: string, { chain, from, to, isNamed }: UnnamedRange): Finding {
  const which = from === to ? `${what.replace('records', 'record')} ${from}` : `${what} ${from} to ${to}`
  const verb = which.startsWith('record ') ? 'was' : 'were'
  const event = isNamed ? 'the event that says so is not anchored' : 'no event says so'
  return { kind: 'missing', message: `${which} of chain ${chain} ${verb} taken away, and ${event}` }
}

function followedBy(sealed: SealedMembers | PrunedMembers): ChainEnd | undefined {
  if (isPruned(sealed)) return undefined
  const { record, seq: place } = sealed
  if (place !== 1 || record.type !== 'event' || record.event !== 'trail_started') return undefined
  const { follows } = record.details
  if (typeof follows !== 'object' || follows === null) return undefined
  const { chain, seq, hash: own }: Readonly<Record<string, unknown>> = { ...follows }
  if (typeof chain !== 'string' || typeof seq !== 'number' || typeof own !== 'string') return undefined
  return { chain, seq, hash: own }
}

/** A chain names the one that stood there before it, and where that ended. */
function findUnfollowed(
  { chain, follows }: ChainState,
  states: ReadonlyMap<string, ChainState>,
  excuses: (chain: string) => boolean,
): readonly Finding[] {
  if (follows === undefined) return NO_FINDINGS
  const before = states.get(follows.chain)
  if (before === undefined) {
    if (excuses(follows.chain)) return NO_FINDINGS
    return [{ kind: 'missing', message: `chain ${follows.chain} is gone: chain ${chain} follows it` }]
  }
  // Where two processes overlapped, the older chain went on: what it wrote then is judged by its own links.
  if (before.last > follows.seq || before.lastHash === follows.hash) return NO_FINDINGS
  return [{ kind: 'truncated', message: `chain ${follows.chain} no longer ends where chain ${chain} found its end` }]
}
