import type { SealedMembers } from '../record/chain.ts'
import {
  type FileLine,
  inWrittenOrder,
  isPruned,
  type PlacedMembers,
  parsePlaced,
  readLines,
} from '../record/read-trail.ts'
import type { Anchors } from './anchors.ts'
import { type ChainReport, ChainVerifier } from './chain-verifier.ts'
import type { EvidenceState, Finding } from './check-record.ts'

/** Options of {@link verifyTrail}. */
export interface VerifyTrailOptions {
  /** Checkpoints that were kept elsewhere. */
  readonly anchors: Anchors
  /** Older files were taken away on purpose: chains that began before the oldest record may lack a beginning. @default false */
  readonly partial?: boolean
  /** A record that no checkpoint vouches for is a finding. @default false */
  readonly requireAnchored?: boolean
  /** A trail without a record is no finding. @default false */
  readonly allowEmpty?: boolean
  /** Told each record with which nothing is wrong by itself, its evidence included. @default not told */
  readonly onRecord?: (sealed: SealedMembers, evidence: EvidenceState) => void
  /** Told now and then how far it is. @default not told */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void
}

/** A finding and where it was found. */
export interface PlacedFinding extends Finding {
  readonly file: string | undefined
  readonly line: number | undefined
}

/** What verifying found out. */
export interface TrailReport {
  /** How many records were read. */
  readonly records: number
  /** What was found in each chain. */
  readonly chains: readonly ChainReport[]
  /** The first findings. */
  readonly findings: readonly PlacedFinding[]
  /** How many things are wrong, also those that are not listed. */
  readonly findingCount: number
  /** Values that were erased; the chain holds without them. */
  readonly erased: number
  /** Records of which only their place is left, as events of the trail name them. */
  readonly pruned: number
  /** Bytes of a half-written last line, as the end of a process leaves it: no record, and not verified. */
  readonly halfWritten: number
  /** How many checkpoints are signed with a trusted key, and how many are not. */
  readonly checkpoints: { readonly trusted: number; readonly rejected: number }
  /** Decisions whose signature verifies, and those for which a credential or the content is needed first. */
  readonly evidence: { readonly verified: number; readonly incomplete: number }
}

const MAX_FINDINGS = 100
const PROGRESS_BYTES = 1 << 22
const EMPTY: Finding = { kind: 'empty', message: 'there is no record in these files' }
const MALFORMED: Finding = { kind: 'malformed', message: 'this line is not a record as a trail writes it' }

/**
 * Verifies files of one trail in bounded memory, whatever the order they are given in.
 * @throws what the file system throws
 */
export async function verifyTrail(paths: readonly string[], options: VerifyTrailOptions): Promise<TrailReport> {
  const { onProgress = () => {} } = options
  const files = await inWrittenOrder(paths)
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
  const verification = new TrailVerification(options)
  let readBytes = 0
  let toldBytes = 0
  for (const { path, size } of files) {
    for await (const line of readLines(path)) {
      verification.addLine(line, path, path === files.at(-1)?.path)
      if (readBytes + line.end - toldBytes < PROGRESS_BYTES) continue
      toldBytes = readBytes + line.end
      onProgress(toldBytes, totalBytes)
    }
    readBytes += size
  }
  onProgress(totalBytes, totalBytes)
  return verification.finish()
}

class TrailVerification {
  private readonly options: VerifyTrailOptions
  private readonly verifier: ChainVerifier
  private readonly findings: PlacedFinding[] = []
  private readonly evidence = { verified: 0, incomplete: 0 }
  private findingCount = 0
  private records = 0
  private halfWritten = 0

  constructor(options: VerifyTrailOptions) {
    this.options = options
    this.verifier = new ChainVerifier(options.anchors, { partial: options.partial ?? false })
  }

  addLine({ bytes, isWhole, number }: FileLine, path: string, isLastFile: boolean): void {
    if (!isWhole && isLastFile) {
      this.halfWritten = bytes.length
      return
    }
    const placed = isWhole ? parsePlaced(bytes) : undefined
    this.note(placed === undefined ? [MALFORMED] : this.add(placed), path, number)
  }

  finish(): TrailReport {
    const { anchors } = this.options
    const { erasedValues: erased, prunedRecords: pruned } = this.verifier
    const missing = this.verifier.finish()
    const chains = this.verifier.chains()
    this.note([...missing, ...findWanting({ records: this.records, chains }, this.options)])
    const { evidence, findingCount, findings, halfWritten, records } = this
    const checkpoints = { trusted: anchors.count, rejected: anchors.rejected }
    return { records, chains, findings, findingCount, erased, pruned, halfWritten, checkpoints, evidence }
  }

  private add(placed: PlacedMembers): readonly Finding[] {
    const { own, place, evidence } = this.verifier.add(placed)
    this.records += 1
    if (own.length === 0 && !isPruned(placed)) {
      if (evidence === 'verified' || evidence === 'incomplete') this.evidence[evidence] += 1
      this.options.onRecord?.(placed, evidence)
    }
    return [...own, ...place]
  }

  private note(found: readonly Finding[], file?: string, line?: number): void {
    this.findingCount += found.length
    const room = MAX_FINDINGS - this.findings.length
    for (const finding of found.slice(0, room)) this.findings.push({ ...finding, file, line })
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
