import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAnchors, type TrailReport, verifyTrail } from '@countermark/audit/verify'
import type { AuditFolders } from './audit-folders.ts'

/** The trail of one process. */
export interface CheckedTrail {
  readonly name: string
  readonly report: TrailReport
  /** Records that a checkpoint vouches for. */
  readonly anchored: number
}

/** Verifies the trail of every process against its checkpoints. */
export async function verifyTrails(folders: AuditFolders): Promise<readonly CheckedTrail[]> {
  const names = readdirSync(folders.folder).filter((name) => name.endsWith('.ndjson'))
  return Promise.all(names.sort().map((name) => verifyOne(folders, name, join(folders.folder, name))))
}

/**
 * Does to a copy of the longest trail what somebody would who wants one refusal never to have happened: the record goes, and
 * nothing else changes. Then verifies the copy.
 */
export async function verifyTamperedCopy(folders: AuditFolders, trails: readonly CheckedTrail[]): Promise<TrailReport> {
  const longest = trails.reduce((most, trail) => (trail.report.records > most.report.records ? trail : most))
  const copy = join(folders.copyFolder, longest.name)
  copyFileSync(join(folders.folder, longest.name), copy)
  const lines = readFileSync(copy, 'utf8').split('\n')
  const at = lines.findIndex((line) => line.includes('"decision":"deny"'))
  if (at < 0) throw new Error('there is no refusal to hide')
  writeFileSync(copy, lines.toSpliced(at, 1).join('\n'))
  return (await verifyOne(folders, longest.name, copy)).report
}

async function verifyOne({ anchorFolder, publicKey }: AuditFolders, name: string, path: string): Promise<CheckedTrail> {
  const checkpoints = join(anchorFolder, name.replace('.ndjson', '.checkpoints'))
  const report = await verifyTrail([path], { anchors: await readAnchors([checkpoints], [publicKey]) })
  const anchored = report.chains.reduce((sum, { first, anchoredTo }) => sum + Math.max(0, anchoredTo - first + 1), 0)
  return { name, report, anchored }
}
