import { FIRST_ATTACKS } from './attacks.ts'
import { drive } from './drive.ts'
import { type Attack, inOrder, type TrafficEvent } from './events.ts'
import type { World } from './models.ts'

/** How one class of attacks is found in one run at one threshold. */
export interface Recall {
  readonly kind: string
  readonly isFast: boolean
  readonly attacks: number
  /** Shares found: within 20 requests for fast ones, in the whole attack for slow ones. */
  readonly found: number
  /** Until the first answer, of those that were found at all; `undefined` when none was. */
  readonly medianRequests: number | undefined
}

/** What one run showed. */
export interface Run {
  readonly benignRequests: number
  /** The share of benign requests that the check refused by itself. */
  readonly refusedShare: number
  /** Benign requests by score, 0 to 100: all, and those of the log alone. */
  readonly scores: Float64Array
  readonly scoresOfLog: Float64Array
  readonly recallAt: (threshold: number) => readonly Recall[]
}

const WITHIN = 20
const TOP = 101

/** Runs traffic with attacks through the real check. */
export function runWorld({ benign, attacks }: World, logged: readonly TrafficEvent[]): Run {
  const all = new Float64Array(TOP)
  const scoresOfLog = new Float64Array(TOP)
  const scores: number[][] = attacks.map(() => [])
  const before: number[] = attacks.map(() => 0)
  const victims = new Map(
    attacks.map(({ events, number }) => [events[0]?.agentId, { number, from: events[0]?.atMs ?? 0 }]),
  )
  let refused = 0
  drive(
    inOrder(
      benign,
      attacks.flatMap(({ events }) => events),
      logged,
    ),
    ({ event, score, isThrottled }) => {
      if (event.attack !== undefined) {
        scores[event.attack]?.push(score)
        return
      }
      const victim = victims.get(event.agentId)
      // What the owner sends beside a thief is no false throttle: the key is stolen.
      if (victim !== undefined && event.atMs >= victim.from) return
      if (victim !== undefined) before[victim.number] = score
      all[score] = (all[score] ?? 0) + 1
      if (event.agentId.startsWith('log_')) scoresOfLog[score] = (scoresOfLog[score] ?? 0) + 1
      if (isThrottled) refused++
    },
  )
  const benignRequests = sum(all)
  const kinds = FIRST_ATTACKS.map(({ kind }) => kind)
  const recallAt = (threshold: number): Recall[] =>
    kinds.map((kind) => recallOf(kind, attacks, scores, before, threshold))
  return { benignRequests, refusedShare: refused / benignRequests, scores: all, scoresOfLog, recallAt }
}

/** The lowest threshold at which no more than a share of benign requests of all runs lies. */
export function thresholdFor(share: number, runs: readonly Run[]): number {
  const total = runs.reduce((sum, { benignRequests }) => sum + benignRequests, 0)
  const countAt = (score: number): number => runs.reduce((sum, { scores }) => sum + (scores[score] ?? 0), 0)
  let threshold = TOP
  for (let above = 0; threshold > 1; threshold--) {
    above += countAt(threshold - 1)
    if (above > share * total) break
  }
  return threshold
}

/** The share of scores at a threshold or above. */
export function shareAt(threshold: number, scores: Float64Array): number {
  const all = sum(scores)
  return all === 0 ? 0 : sum(scores.subarray(threshold)) / all
}

function recallOf(
  kind: string,
  attacks: readonly Attack[],
  scores: readonly (readonly number[])[],
  before: readonly number[],
  threshold: number,
): Recall {
  const ofKind = attacks.filter((attack) => attack.kind === kind)
  const isFast = ofKind[0]?.isFast === true
  // One that was at the threshold already when the attack began says nothing of the attack.
  const fresh = ofKind.filter(({ number }) => (before[number] ?? 0) < threshold)
  const firsts = fresh
    .map(({ number }) => (scores[number] ?? []).findIndex((score) => score >= threshold) + 1)
    .filter((first) => first > 0)
    .sort((a, b) => a - b)
  const found = firsts.filter((first) => !isFast || first <= WITHIN).length
  return {
    kind,
    isFast,
    attacks: fresh.length,
    found: fresh.length === 0 ? 0 : found / fresh.length,
    medianRequests: firsts[Math.floor((firsts.length - 1) / 2)],
  }
}

function sum(counts: Float64Array): number {
  return counts.reduce((total, count) => total + count, 0)
}
