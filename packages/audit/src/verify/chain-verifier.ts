import { isJsonObject } from '@countermark/core/internal'
import { type ChainEnd, firstPrevious, type SealedMembers } from '../record/chain.ts'
import { isPruned, type PlacedMembers, type PrunedMembers } from '../record/read-trail.ts'
import type { Anchors } from './anchors.ts'
import {
  altered,
  checkProof,
  checkRecord,
  createEvidenceCheck,
  type EvidenceState,
  erasedNames,
  type Finding,
} from './check-record.ts'
import { findBeheaded, findCut, type PresentChain, partialTrail, timeOf, WHOLE_TRAIL } from './partial-trail.ts'
import { NamedRanges, type UnnamedRange } from './seq-ranges.ts'

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
export interface CheckedRecord {
  /** Wrong with the record by itself. */
  readonly own: readonly Finding[]
  /** Wrong with its place. */
  readonly place: readonly Finding[]
  readonly evidence: EvidenceState
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
const WHOLE_RECORD = ['record']

/** Follows chains from record to record, and verifies them against checkpoints. */
export class ChainVerifier {
  /** How many values were erased, and how many records pruned. */
  erasedValues = 0
  prunedRecords = 0
  private readonly anchors: Anchors
  private readonly partial: boolean
  private readonly states = new Map<string, ChainState>()
  private readonly pruned = new NamedRanges('records_pruned')
  private readonly erased = new NamedRanges('records_erased')
  private readonly checkEvidence = createEvidenceCheck()

  /** `partial`: older files were taken away, so older chains may begin in their middle. */
  constructor(anchors: Anchors, { partial }: { readonly partial: boolean }) {
    this.anchors = anchors
    this.partial = partial
  }

  add(placed: PlacedMembers): CheckedRecord {
    const state = this.states.get(placed.chain)
    const checked = isPruned(placed) ? this.checkPruned(placed) : this.checkWhole(placed)
    const place = state === undefined ? this.begin(placed) : goOn(state, placed)
    return { ...checked, place: [...place, ...this.checkAnchor(placed)] }
  }

  /** What is missing at the ends, once everything was read. */
  finish(): readonly Finding[] {
    const { anchors, partial, states } = this
    anchorFollowed(states)
    const all = [...states.values()]
    const excused = partial ? partialTrail(all, anchors) : WHOLE_TRAIL
    const anchoredTo = (chain: string): number => states.get(chain)?.anchoredTo ?? 0
    return [
      ...findBeheaded(all, excused),
      ...findCut(anchors.ends(), states, excused),
      ...all.flatMap((state) => findUnfollowed(state, states, excused.excuses)),
      ...this.pruned.unnamed(anchoredTo).map((range) => unnamedFinding('records', range)),
      ...this.erased.unnamed(anchoredTo).map((range) => unnamedFinding('values of records', range)),
    ]
  }

  chains(): readonly ChainReport[] {
    return [...this.states.values()].map(({ lastHash: _lastHash, firstAtMs: _firstAtMs, ...report }) => report)
  }

  private checkWhole(sealed: SealedMembers): Omit<CheckedRecord, 'place'> {
    this.pruned.addRecord(sealed)
    this.erased.addRecord(sealed)
    const gone = erasedNames(sealed)
    this.erased.add(sealed, gone)
    this.erasedValues += gone.length
    const evidence = this.checkEvidence(sealed)
    return { own: [...checkRecord(sealed), ...checkProof(sealed, evidence)], evidence }
  }

  private checkPruned(placed: PrunedMembers): Omit<CheckedRecord, 'place'> {
    this.pruned.add(placed, WHOLE_RECORD)
    this.prunedRecords += 1
    return { own: checkRecord(placed), evidence: 'unsigned' }
  }

  private begin(placed: PlacedMembers): readonly Finding[] {
    const { chain, seq, hash, previous } = placed
    const ends = { first: seq, last: seq, lastHash: hash, firstAtMs: timeOf(placed) }
    this.states.set(chain, { chain, ...ends, anchoredTo: 0, anchoredAt: undefined, follows: followedBy(placed) })
    return seq > 1 || previous === firstPrevious(chain) ? NO_FINDINGS : [altered(placed, 'does not begin it')]
  }

  private checkAnchor(placed: PlacedMembers): readonly Finding[] {
    const { chain, seq, hash } = placed
    const anchor = this.anchors.find(chain, seq)
    if (anchor === undefined) return NO_FINDINGS
    if (anchor.hash !== hash) return [altered(placed, `is not the one that was anchored at ${anchor.at}`)]
    const state = this.states.get(chain)
    if (state !== undefined) Object.assign(state, { anchoredTo: seq, anchoredAt: anchor.at })
    return NO_FINDINGS
  }
}

function goOn(state: ChainState, placed: PlacedMembers): readonly Finding[] {
  const { seq, previous, hash } = placed
  const { chain, last, lastHash } = state
  if (seq <= last) {
    return [{ kind: 'misplaced', message: `record ${seq} of chain ${chain} stands behind record ${last}` }]
  }
  state.last = seq
  state.lastHash = hash
  state.firstAtMs ??= timeOf(placed)
  if (seq > last + 1) {
    const gone = seq === last + 2 ? `record ${seq - 1}` : `records ${last + 1} to ${seq - 1}`
    return [{ kind: 'missing', message: `${gone} of chain ${chain} ${seq === last + 2 ? 'is' : 'are'} gone` }]
  }
  return previous === lastHash ? NO_FINDINGS : [altered(placed, `continues another record ${last}`)]
}

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
  const event = isNamed ? 'the event that names this is not anchored' : 'no event names this'
  return { kind: 'missing', message: `${which} of chain ${chain} ${verb} taken away, and ${event}` }
}

function followedBy(sealed: PlacedMembers): ChainEnd | undefined {
  if (isPruned(sealed)) return undefined
  const { record, seq: place } = sealed
  if (place !== 1 || record.type !== 'event' || record.event !== 'trail_started') return undefined
  const { follows } = record.details
  if (!isJsonObject(follows)) return undefined
  const { chain, seq, hash } = follows
  if (typeof chain !== 'string' || typeof seq !== 'number' || typeof hash !== 'string') return undefined
  return { chain, seq, hash }
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
  // Where two processes overlapped, the older chain went on: what it wrote then is checked by its own links.
  if (before.last > follows.seq || before.lastHash === follows.hash) return NO_FINDINGS
  return [{ kind: 'truncated', message: `chain ${follows.chain} no longer ends where chain ${chain} found its end` }]
}
