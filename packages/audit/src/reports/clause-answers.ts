import { countFindings } from '../verify/check-record.ts'
import type { TrailReport } from '../verify/verify-trail.ts'
import type { TrailSummary } from './trail-summary.ts'

/** What a report is made from. */
export interface ReportFacts {
  readonly summary: TrailSummary
  readonly verified: TrailReport
}

/** How far a trail answers what a clause asks. */
export type Answer = 'shown' | 'partly' | 'not_shown'

/** What a trail shows of what a clause asks. */
export interface ClauseAnswer {
  readonly answer: Answer
  /** What the trail holds, in numbers. */
  readonly shows: string
  /** What must be looked for elsewhere. */
  readonly gap?: string | undefined
}

/** Looks for the answer in what a trail holds. */
export type FindAnswer = (facts: ReportFacts) => ClauseAnswer

/** Shown once there is anything to show; otherwise a gap. */
function shownIf(count: number, shows: string, gap: string): ClauseAnswer {
  return count > 0 ? { answer: 'shown', shows } : { answer: 'not_shown', shows: 'nothing in this trail', gap }
}

/** Whether the trail was changed, and how much of it is anchored outside. */
export function integrity({ verified }: ReportFacts): ClauseAnswer {
  const { findingCount, chains } = verified
  const unanchored = chains.filter(({ anchoredTo, last }) => anchoredTo < last).length
  if (findingCount > 0) {
    return {
      answer: 'not_shown',
      shows: `${countFindings(findingCount)}: this trail was tampered with`,
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
  const gap = 'attempts that end before the guard, at a proxy or a firewall, are in their logs'
  return { answer: 'shown', shows, gap }
}

/** Administration and credentials, as far as the application tells the trail. */
export function administration({ summary }: ReportFacts): ClauseAnswer {
  const told = Object.entries(summary.events).filter(([name]) => !OWN_EVENTS.includes(name))
  const shows = told.map(([name, count]) => `${count} ${name}`).join(', ')
  return shownIf(told.length, shows, 'no event of administration was recorded: call trail.event where it happens')
}

/** What a trail writes about itself. */
const OWN_EVENTS: readonly string[] = [
  ...['trail_started', 'records_erased', 'records_pruned', 'decision_withheld', 'decisions_not_recorded'],
]

/** How far back records reach. */
export function retention(wantedDays: number): FindAnswer {
  return ({ summary: { from, until, pruned } }) => {
    const days = from === undefined || until === undefined ? 0 : (Date.parse(until) - Date.parse(from)) / 86_400_000
    const shows = `records from ${from ?? 'never'} to ${until ?? 'never'} (${Math.floor(days)} days); ${pruned} were pruned`
    if (days >= wantedDays) return { answer: 'shown', shows }
    const gap = `fewer than ${wantedDays} days: older files must be found elsewhere, or the trail is younger`
    return { answer: 'partly', shows, gap }
  }
}

/** Whether routes have the class of data that a clause is about. */
export function accessTo(dataClass: string, route: string): FindAnswer {
  return ({ summary }) => {
    const count = summary.dataClasses[dataClass] ?? 0
    const gap = `no route is tagged ${dataClass}: give auditTrail dataClass: dataClasses({ '${route}': '${dataClass}' })`
    return shownIf(count, `${count} decisions on routes tagged ${dataClass}`, gap)
  }
}

/** Categories of data, as routes are tagged with them. */
export function categories({ summary }: ReportFacts): ClauseAnswer {
  const classes = Object.entries(summary.dataClasses).map(([name, count]) => `${name}: ${count}`)
  const isTagged = Object.keys(summary.dataClasses).some((name) => name !== 'none')
  if (!isTagged) return shownIf(0, '', 'no route has a class of data: give auditTrail dataClass')
  const gap = 'purposes and recipients are the record keeper\u2019s to name'
  return { answer: 'partly', shows: `decisions by class of data: ${classes.join(', ')}`, gap }
}

/** Capabilities that were used, and refusals without one. */
export function authorisation({ summary }: ReportFacts): ClauseAnswer {
  const { unauthorised, withCapabilities: used } = summary
  const shows = `${used} decisions name the capabilities that were used; ${unauthorised} refusals for want of a right`
  return shownIf(used, shows, 'no route asks for a capability')
}

/** Requests that a second person agreed to. */
export function approvals({ summary }: ReportFacts): ClauseAnswer {
  const shows = `${summary.withApproval} requests used an approval, named in each`
  return shownIf(summary.withApproval, shows, 'no request needed an approval')
}

/** The configuration behind each decision. */
export function configurations({ summary }: ReportFacts): ClauseAnswer {
  const { allow, deny, observe } = summary.decisions
  const shows = `${allow + deny + observe} decisions carry the hash of how their guard was configured`
  return { answer: 'partly', shows, gap: 'version control of the application shows who changed the configuration' }
}

/** Agents and users that are told apart. */
export function identification({ summary: { agents, users, withoutAgent } }: ReportFacts): ClauseAnswer {
  const shows = `${agents} agents and ${users} users told apart; ${withoutAgent} decisions without an agent`
  if (withoutAgent === 0) return { answer: 'shown', shows }
  return { answer: 'partly', shows, gap: 'a caller refused before an agent was known has only an address' }
}

/** Decisions that a signature proves. */
export function authentication({ summary: { signed, signedIncompletely } }: ReportFacts): ClauseAnswer {
  const shows =
    `${signed} decisions hold a signature that verifies, ` +
    `${signedIncompletely} one that verifies with the credential or content it covers`
  return shownIf(signed + signedIncompletely, shows, 'no request was signed')
}

/** What was erased on request. */
export function erasure({ summary }: ReportFacts): ClauseAnswer {
  const count = summary.events['records_erased'] ?? 0
  const shows = `${count} erasures recorded; ${summary.erasedValues} values are gone, and the chain holds`
  return { answer: 'partly', shows, gap: 'copies at other sinks, such as a SIEM, are erased there' }
}

/** What was not kept longer than needed. */
export function pruning({ summary: { events, from = 'never', pruned } }: ReportFacts): ClauseAnswer {
  const count = events['records_pruned'] ?? 0
  const shows = `${count} prunings took ${pruned} records; the oldest is of ${from}`
  if (count > 0) return { answer: 'shown', shows }
  return { answer: 'not_shown', shows, gap: 'nothing was ever pruned: run prune with a row for each class' }
}

/** Decisions that name a user. */
export function forWhom({ summary: { withUser } }: ReportFacts): ClauseAnswer {
  const shows = `${withUser} decisions name, erasably, for whom they were made`
  return shownIf(withUser, shows, 'no request was made on behalf of a user')
}

/** Starts of the trail, and requests refused while it could not be written. */
export function startsAndStops({ summary: { events, withheld } }: ReportFacts): ClauseAnswer {
  const starts = events['trail_started'] ?? 0
  const shows = `${starts} starts; ${withheld} requests refused because nothing could be recorded`
  const gap = 'a process that is killed writes no end: the next start names where the chain before it ended'
  return { answer: 'partly', shows, gap }
}
