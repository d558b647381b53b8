import type { SealedMembers } from '../record/chain.ts'
import { isPruned, type PrunedMembers, parsePlaced } from '../record/parse-line.ts'
import { inWrittenOrder, readLines } from '../record/trail-files.ts'
import type { Anchors } from './anchors.ts'
import type { Finding } from './check-record.ts'
import type { EvidenceState } from './evidence-check.ts'
import { type ChainReport, createChainVerifier } from './verify-chains.ts'

/** Options of {@link verifyTrail}. */
export interface VerifyTrailOptions {
  readonly anchors: Anchors
  /** Older files were taken away on purpose: chains that began before the oldest record may lack a beginning. @default false */
  readonly partial?: boolean
  /** A record that no checkpoint vouches for is a finding. @default false */
  readonly requireAnchored?: boolean
  /** A trail without a record is no finding. @default false */
  readonly allowEmpty?: boolean
  /** Told each record with which nothing is wrong by itself, its evidence included. @default nobody is told */
  readonly onRecord?: (sealed: SealedMembers, evidence: EvidenceState) => void
  /** Told now and then how far it is. @default nobody is told */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void
}

/** A finding and where it was found. */
export interface PlacedFinding extends Finding {
  readonly file: string | undefined
  readonly line: number | undefined
}

/** What verifying found out. */
export interface TrailReport {
  readonly records: number
  readonly chains: readonly ChainReport[]
  /** The first findings. */
  readonly findings: readonly PlacedFinding[]
  readonly findingCount: number
  /** Values that were erased; the chain holds without them. */
  readonly erased: number
  /** Records of which only their place is left, as events of the trail name them. */
  readonly pruned: number
  /** Bytes of a half-written last line, as the end of a process leaves it: no record, and not verified. */
  readonly halfWritten: number
  readonly checkpoints: { readonly trusted: number; readonly rejected: number }
  /** Decisions whose signature verifies, and those for which a credential or the content is needed first. */
  readonly evidence: { readonly verified: number; readonly incomplete: number }
}

const MAX_FINDINGS = 100
const PROGRESS_BYTES = 1 << 22

/**
 * Verifies files of one trail in bounded memory, whatever the order they are given in.
 * @throws what the file system throws
 */
export async function verifyTrail(paths: readonly string[], options: VerifyTrailOptions): Promise<TrailReport> {
  const { anchors, partial = false, onProgress = () => {}, onRecord = () => {} } = options
  const files = await inWrittenOrder(paths)
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
  const verifier = createChainVerifier(anchors, { partial })
  const findings: PlacedFinding[] = []
  const evidence = { verified: 0, incomplete: 0 }
  let findingCount = 0
  let records = 0
  let readBytes = 0
  let toldBytes = 0
  let halfWritten = 0

  const note = (found: readonly Finding[], file: string | undefined, line: number | undefined): void => {
    findingCount += found.length
    for (const finding of found) if (findings.length < MAX_FINDINGS) findings.push({ ...finding, file, line })
  }

  function add(placed: SealedMembers | PrunedMembers): readonly Finding[] {
    const { own, place, evidence: state } = verifier.add(placed)
    records += 1
    if (own.length === 0 && !isPruned(placed)) {
      if (state === 'verified' || state === 'incomplete') evidence[state] += 1
      onRecord(placed, state)
    }
    return [...own, ...place]
  }

  /** What is nested deeper than a trail writes it may be read and yet not be written. */
  function judge(placed: SealedMembers | PrunedMembers): readonly Finding[] {
    try {
      return add(placed)
    } catch (error) {
      if (error instanceof RangeError) return [MALFORMED]
      throw error
    }
  }

  for (const { path, size } of files) {
    for await (const { bytes, number, end, isWhole } of readLines(path)) {
      if (!isWhole && path === files.at(-1)?.path) halfWritten = bytes.length
      else {
        const placed = isWhole ? parsePlaced(bytes) : undefined
        note(placed === undefined ? [MALFORMED] : judge(placed), path, number)
      }
      if (readBytes + end - toldBytes < PROGRESS_BYTES) continue
      toldBytes = readBytes + end
      onProgress(toldBytes, totalBytes)
    }
    readBytes += size
  }
  const found = verifier.finish()
  const chains = verifier.chains()
  note([...found, ...findWanting({ records, chains }, options)], undefined, undefined)
  onProgress(totalBytes, totalBytes)
  return {
    ...{ records, chains, findings, findingCount, halfWritten, evidence },
    erased: verifier.erased(),
    pruned: verifier.pruned(),
    checkpoints: { trusted: anchors.count, rejected: anchors.rejected },
  }
}

/** What the trail as a whole lacks. */
function findWanting(
  { records, chains }: Pick<TrailReport, 'records' | 'chains'>,
  { anchors, requireAnchored = false, allowEmpty = false }: VerifyTrailOptions,
): readonly Finding[] {
  const unanchored = requireAnchored ? chains.filter(({ anchoredTo, last }) => anchoredTo < last) : []
  return [
    ...anchors.problems.map((message): Finding => ({ kind: 'checkpoint', message })),
    ...unanchored.map(({ chain, first, last, anchoredTo }): Finding => {
      const from = Math.max(anchoredTo + 1, first)
      return { kind: 'unanchored', message: `no checkpoint vouches for records ${from} to ${last} of chain ${chain}` }
    }),
    ...(records > 0 || allowEmpty ? [] : [EMPTY]),
  ]
}

const EMPTY: Finding = { kind: 'empty', message: 'there is no record in these files' }
const MALFORMED: Finding = { kind: 'malformed', message: 'this line is no record as a trail writes it' }
