import { type RecordedDecision, readTrailLine, type UntoldReason } from './recorded-decision.ts'

/** What a change would have done to one decision, or why that cannot be told. */
export type Judged = 'allowed' | 'refused' | 'unchanged' | { readonly cannotTell: UntoldReason }

/** Says what a change would have done to decisions, in order. */
export type JudgeDecisions = (decisions: readonly RecordedDecision[]) => readonly Judged[] | Promise<readonly Judged[]>

/** Decisions of one agent on one route. */
export interface PlannedRow {
  /** The agent, or `(unknown)` for callers that were not proven. */
  readonly agent: string
  /** Method and template of the route. */
  readonly route: string
  /** Passed, and would have been refused. */
  readonly newlyRefused: number
  /** Was refused, and would have passed as far as the change goes. */
  readonly newlyAllowed: number
  /** Would have been decided as it was. */
  readonly unchanged: number
  /** Of these the trail does not keep enough. */
  readonly cannotTell: number
  /** Ids of requests that would have been decided otherwise, the last ones. */
  readonly requestIds: readonly string[]
}

/** What a change would have done. */
export interface Plan {
  /** How many were looked at. */
  readonly decisions: number
  /** Passed, and would have been refused. */
  readonly newlyRefused: number
  /** Were refused, and would have passed as far as the change goes. */
  readonly newlyAllowed: number
  /** Would have been decided as they were. */
  readonly unchanged: number
  /** Of these the trail does not keep enough. */
  readonly cannotTell: number
  /** Of how many decisions nothing can be said, by the reason. */
  readonly reasons: Readonly<Partial<Record<UntoldReason, number>>>
  /** The first decision. ISO 8601; `undefined` without decisions. */
  readonly from: string | undefined
  /** The last decision. ISO 8601. */
  readonly until: string | undefined
  /** Those that change most first. */
  readonly rows: readonly PlannedRow[]
}

/** How much of a trail is looked at. */
export interface PlanOptions {
  /** The last so many decisions. @default 10_000 */
  readonly last?: number
}

const MOST_IDS = 3

/**
 * Reads lines of an audit trail and says what a change would have done to its last decisions. What cannot be told is counted, never
 * guessed. Whether the trail is as it was written, `countermark audit verify` says.
 */
export async function planDecisions(
  lines: AsyncIterable<string> | Iterable<string>,
  judge: JudgeDecisions,
  { last = 10_000 }: PlanOptions = {},
): Promise<Plan> {
  const decisions = await lastDecisions(lines, last)
  const judged = await judge(decisions)
  const rows = new Map<string, Counted>()
  const total = newCounts()
  const reasons: Partial<Record<UntoldReason, number>> = {}
  decisions.forEach((decision, index) => {
    const verdict = judged[index] ?? { cannotTell: 'undecided' as const }
    const change = changeOf(decision, verdict)
    if (typeof verdict === 'object') reasons[verdict.cannotTell] = (reasons[verdict.cannotTell] ?? 0) + 1
    const { agent = '(unknown)', method, route = '(no route)' } = decision
    const place = `${method} ${route}`
    const key = JSON.stringify([agent, place])
    const row = rows.get(key) ?? { agent, route: place, ...newCounts(), requestIds: [] }
    rows.set(key, row)
    row[change] += 1
    total[change] += 1
    if (change !== 'newlyRefused' && change !== 'newlyAllowed') return
    row.requestIds = [...row.requestIds, decision.requestId].slice(-MOST_IDS)
  })
  const changes = ({ newlyRefused, newlyAllowed }: Counts): number => newlyRefused + newlyAllowed
  const sorted = [...rows.values()].sort(
    (one, other) => changes(other) - changes(one) || other.cannotTell - one.cannotTell,
  )
  return {
    decisions: decisions.length,
    ...total,
    reasons,
    from: decisions[0]?.at,
    until: decisions.at(-1)?.at,
    rows: sorted,
  }
}

interface Counts {
  newlyRefused: number
  newlyAllowed: number
  unchanged: number
  cannotTell: number
}

interface Counted extends Counts {
  readonly agent: string
  readonly route: string
  requestIds: readonly string[]
}

function newCounts(): Counts {
  return { newlyRefused: 0, newlyAllowed: 0, unchanged: 0, cannotTell: 0 }
}

function changeOf({ wasAllowed }: RecordedDecision, verdict: Judged): keyof Counts {
  if (typeof verdict === 'object') return 'cannotTell'
  if (verdict === 'unchanged' || wasAllowed === (verdict === 'allowed')) return 'unchanged'
  return wasAllowed ? 'newlyRefused' : 'newlyAllowed'
}

/** An outcome comes behind its decision, and knows the route where the guard did not. */
async function lastDecisions(
  lines: AsyncIterable<string> | Iterable<string>,
  last: number,
): Promise<readonly RecordedDecision[]> {
  const kept = new Map<string, RecordedDecision>()
  for await (const line of lines) {
    const found = readTrailLine(line)
    if (found === undefined) continue
    if ('of' in found) {
      const decision = kept.get(found.of)
      if (decision !== undefined && decision.route === undefined)
        kept.set(found.of, { ...decision, route: found.route })
      continue
    }
    kept.set(found.id, found)
    const [oldest] = kept.keys()
    if (kept.size > last && oldest !== undefined) kept.delete(oldest)
  }
  return [...kept.values()]
}
