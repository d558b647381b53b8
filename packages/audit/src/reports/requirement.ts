import type { TrailReport } from '../verify/verify-trail.ts'
import type { TrailSummary } from './trail-summary.ts'

/** What a report is made from. */
export interface ReportFacts {
  readonly summary: TrailSummary
  readonly verified: TrailReport
}

/** How far a trail answers what a clause asks. */
export type Answer = 'shown' | 'partly' | 'not_shown'

/** What a trail says to a clause, or that it says nothing. */
export interface ClauseAnswer {
  readonly answer: Answer
  /** What the trail holds, in numbers. */
  readonly shows: string
  /** What must be looked for elsewhere. */
  readonly gap?: string | undefined
}

/** One thing that a regulation asks of records of access. */
export interface Requirement {
  readonly clause: string
  readonly asks: string
  readonly find: (facts: ReportFacts) => ClauseAnswer
}

/** A regulation, as far as it is about records of access. */
export interface Regulation {
  readonly title: string
  readonly requirements: readonly Requirement[]
  /** What no trail of this kind can show, whatever stands in it. */
  readonly beyond: readonly string[]
}

/** Shown once there is anything to show; otherwise a gap. */
export function shownIf(count: number, shows: string, gap: string): ClauseAnswer {
  return count > 0 ? { answer: 'shown', shows } : { answer: 'not_shown', shows: 'nothing in this trail', gap }
}

/** Whether the trail was changed, and how much of it is anchored outside. */
export function integrity({ verified }: ReportFacts): ClauseAnswer {
  const { findingCount, chains } = verified
  const unanchored = chains.filter(({ anchoredTo, last }) => anchoredTo < last).length
  if (findingCount > 0) {
    return {
      answer: 'not_shown',
      shows: `${findingCount === 1 ? 'one finding' : `${findingCount} findings`}: this trail was tampered with`,
      gap: 'run verify',
    }
  }
  const shows = `${chains.length} hash chains hold; ${chains.length - unanchored} are anchored to their end`
  const gap = 'chains without checkpoints to their end can be replaced by those who can write them'
  return unanchored > 0 ? { answer: 'partly', shows, gap } : { answer: 'shown', shows }
}

/** Who, what, when, from where, on what, and how it ended. */
export function accountOfAccess({ summary }: ReportFacts): ClauseAnswer {
  const { decisions, agents, users, outcomes, withAddress } = summary
  const total = decisions.allow + decisions.deny + decisions.observe
  const shows =
    `${total} decisions on requests (${decisions.allow} allowed, ${decisions.deny} refused, ${decisions.observe} only observed) ` +
    `of ${agents} agents for ${users} users; ${outcomes} with how they ended, ${withAddress} with an address`
  return shownIf(total, shows, 'no request was recorded')
}

/** Attempts that failed. */
export function failedAccess({ summary }: ReportFacts): ClauseAnswer {
  const { unauthenticated, unauthorised } = summary
  const shows = `${unauthenticated} refusals for want of a proven identity (401), ${unauthorised} for want of a right (403)`
  const gap = 'attempts that end before the guard, at a proxy or a firewall, stand in their logs'
  return { answer: 'shown', shows, gap }
}

/** Administration and credentials, as far as the application tells the trail. */
export function administration({ summary }: ReportFacts): ClauseAnswer {
  const told = Object.entries(summary.events).filter(([name]) => !OWN_EVENTS.includes(name))
  const shows = told.map(([name, count]) => `${count} ${name}`).join(', ')
  return shownIf(told.length, shows, 'no event of administration was recorded: call trail.event where it happens')
}

/** What a trail writes about itself. */
export const OWN_EVENTS: readonly string[] = [
  ...['trail_started', 'records_erased', 'records_pruned', 'decision_withheld', 'decisions_not_recorded'],
]

/** How long back records reach. */
export function retention({ summary }: ReportFacts, wantedDays: number): ClauseAnswer {
  const { from, until, pruned } = summary
  const days = from === undefined || until === undefined ? 0 : (Date.parse(until) - Date.parse(from)) / 86_400_000
  const shows = `records from ${from ?? 'never'} to ${until ?? 'never'} (${Math.floor(days)} days); ${pruned} were pruned`
  if (days >= wantedDays) return { answer: 'shown', shows }
  const gap = `fewer than ${wantedDays} days: older files must be found elsewhere, or the trail is younger`
  return { answer: 'partly', shows, gap }
}
