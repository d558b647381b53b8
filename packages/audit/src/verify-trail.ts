import type { Anchors } from './anchors.ts'
import { inWrittenOrder } from './file-order.ts'
import { readLines } from './read-lines.ts'
import { parsePlaced } from './retention/pruned-line.ts'
import { type ChainReport, createChainVerifier, type Finding } from './verify-chains.ts'

/** Options of {@link verifyTrail}. */
export interface VerifyTrailOptions {
  readonly anchors: Anchors
  /** Older files were taken away on purpose: chains may begin in their middle. @default false */
  readonly partial?: boolean
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
}

const MAX_FINDINGS = 100
const PROGRESS_BYTES = 1 << 22

/**
 * Verifies files of one trail in bounded memory, whatever the order they are given in.
 * @throws what the file system throws
 */
export async function verifyTrail(paths: readonly string[], options: VerifyTrailOptions): Promise<TrailReport> {
  const { anchors, partial = false, onProgress = () => {} } = options
  const files = await inWrittenOrder(paths)
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
  const verifier = createChainVerifier(anchors, { partial })
  const findings: PlacedFinding[] = []
  let findingCount = 0
  let records = 0
  let readBytes = 0
  let toldBytes = 0
  let halfWritten = 0

  const note = (found: readonly Finding[], file: string | undefined, line: number | undefined): void => {
    findingCount += found.length
    for (const finding of found) if (findings.length < MAX_FINDINGS) findings.push({ ...finding, file, line })
  }

  for (const { path, size } of files) {
    for await (const { bytes, number, end, isWhole } of readLines(path)) {
      const sealed = parsePlaced(bytes)
      if (!isWhole && path === files.at(-1)?.path) halfWritten = bytes.length
      else if (sealed === undefined || !isWhole) note([MALFORMED], path, number)
      else note(verifier.add(sealed), path, number)
      if (sealed !== undefined && isWhole) records += 1
      if (readBytes + end - toldBytes < PROGRESS_BYTES) continue
      toldBytes = readBytes + end
      onProgress(toldBytes, totalBytes)
    }
    readBytes += size
  }
  note(verifier.finish(), undefined, undefined)
  onProgress(totalBytes, totalBytes)
  const checkpoints = { trusted: anchors.count, rejected: anchors.rejected }
  return {
    records,
    chains: verifier.chains(),
    findings,
    findingCount,
    erased: verifier.erased(),
    pruned: verifier.pruned(),
    halfWritten,
    checkpoints,
  }
}

const MALFORMED: Finding = { kind: 'malformed', message: 'this line is no record as a trail writes it' }
