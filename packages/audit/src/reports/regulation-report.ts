import { type Anchors, readAnchors } from '../verify/anchors.ts'
import { verifyTrail } from '../verify/verify-trail.ts'
import type { ClauseAnswer } from './clause-answers.ts'
import { REGULATIONS, type RegulationName } from './regulations.ts'
import { Tally, type TrailSummary } from './trail-summary.ts'

/** What a trail says to a clause. */
export interface ClauseReport extends ClauseAnswer {
  readonly clause: string
  readonly asks: string
}

/** What a trail has to say to a regulation, and what it has not. It is evidence for an assessor, no statement of compliance. */
export interface RegulationReport {
  /** Which regulation it is about. */
  readonly regulation: RegulationName
  /** Its name, as a heading. */
  readonly title: string
  /** What the trail holds, in numbers. */
  readonly summary: TrailSummary
  /** How many things are wrong with the trail; 0 when it is whole. */
  readonly findingCount: number
  /** What the trail says on each clause. */
  readonly clauses: readonly ClauseReport[]
  /** What no trail shows. */
  readonly beyond: readonly string[]
}

/** Options of {@link regulationReport}. */
export interface RegulationReportOptions {
  /** Which regulation to report on. */
  readonly regulation: RegulationName
  /** @default no checkpoints: nothing counts as anchored */
  readonly anchors?: Anchors
  /** Older files were taken away on purpose. @default false */
  readonly partial?: boolean
}

/** Whether there is a report about it. */
export function isRegulationName(name: unknown): name is RegulationName {
  return typeof name === 'string' && Object.hasOwn(REGULATIONS, name)
}

/**
 * Verifies files of a trail and reports what they show of each thing that a regulation asks.
 * @throws what the file system throws
 */
export async function regulationReport(
  paths: readonly string[],
  { regulation, anchors, partial = false }: RegulationReportOptions,
): Promise<RegulationReport> {
  const { title, requirements, beyond } = REGULATIONS[regulation]
  const tally = new Tally()
  const verified = await verifyTrail(paths, {
    anchors: anchors ?? (await readAnchors([], [])),
    partial,
    onRecord: (sealed, evidence) => tally.add(sealed, evidence),
  })
  const summary = tally.summary(verified.pruned)
  const clauses = requirements.map(([clause, asks, find]) => ({ clause, asks, ...find({ summary, verified }) }))
  return { regulation, title, summary, findingCount: verified.findingCount, clauses, beyond }
}
