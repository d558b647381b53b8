import { isRefusalCode, pageOf } from '../code-pages.ts'
import type { AdoptionTally, RefusedGroup, Seen } from './adoption-tally.ts'
import type { ServiceDates } from './service-dates.ts'

/** An agent or a route on which nothing was refused for long enough. */
export interface Ready {
  readonly name: string
  readonly requests: number
  /** Since when nothing was refused: the last refusal, or the first request. */
  readonly quietSince: string
}

/** A caller that still comes with an API key. */
export interface KeyCaller {
  readonly agent: string
  readonly requests: number
  /** Of all requests with a key. Percent. */
  readonly share: number
  /** Of its own requests, those that need no key any more. Percent. */
  readonly moved: number
  readonly last: string
}

/** What a trail says of going live. */
export interface AdoptionReport {
  readonly from: string | undefined
  readonly until: string | undefined
  readonly requests: number
  readonly passed: number
  readonly wouldBeRefused: number
  readonly refused: number
  /** Requests that some guard only observed. */
  readonly observed: number
  /** Of all requests. Percent. */
  readonly passing: number
  readonly refusals: readonly (RefusedGroup & { readonly fix: string })[]
  readonly ready: {
    readonly quietDays: number
    readonly agents: readonly Ready[]
    readonly routes: readonly Ready[]
  }
  readonly apiKeys: { readonly callers: readonly KeyCaller[]; readonly announced: ServiceDates | undefined }
  readonly next: readonly string[]
}

const DAY_MS = 86_400_000

/** Puts a report together. */
export function createReport(
  tally: AdoptionTally,
  { quietDays, announced }: { readonly quietDays: number; readonly announced: ServiceDates | undefined },
): AdoptionReport {
  const { agents, firstMs, lastMs, routes, totals } = tally
  const isEmpty = totals.requests === 0
  const refusals = tally.refused().map((group) => ({ ...group, fix: fixOf(group.code) }))
  const quietUntil = lastMs - quietDays * DAY_MS
  const report = {
    from: isEmpty ? undefined : new Date(firstMs).toISOString(),
    until: isEmpty ? undefined : new Date(lastMs).toISOString(),
    ...totals,
    passing: isEmpty ? 100 : percent(totals.passed, totals.requests),
    refusals,
    ready: { quietDays, agents: readyOf(agents, quietUntil), routes: readyOf(routes, quietUntil) },
    apiKeys: { callers: keyCallers(agents), announced },
  }
  return { ...report, next: nextSteps(report) }
}

/** Seen for that long, and nothing refused for that long. */
function readyOf(seen: ReadonlyMap<string, Seen>, quietUntil: number): readonly Ready[] {
  return [...seen]
    .filter(([, { firstMs, isObserved, refusedMs }]) => isObserved && (refusedMs ?? firstMs) <= quietUntil)
    .sort(([, one], [, other]) => other.requests - one.requests)
    .map(([name, { firstMs, refusedMs, requests }]) => {
      return { name, requests, quietSince: new Date(refusedMs ?? firstMs).toISOString() }
    })
}

function keyCallers(agents: ReadonlyMap<string, Seen>): readonly KeyCaller[] {
  const left = [...agents]
    .filter(([, { withKey }]) => withKey > 0)
    .sort(([, one], [, other]) => other.withKey - one.withKey)
  const total = left.reduce((sum, [, { withKey }]) => sum + withKey, 0)
  return left.map(([agent, { lastMs, requests, withKey }]) => ({
    ...{ agent, requests: withKey, share: percent(withKey, total), moved: percent(requests - withKey, requests) },
    last: new Date(lastMs).toISOString(),
  }))
}

/** One digit; never 100 while something is missing. */
function percent(part: number, whole: number): number {
  const tenths = Math.floor((part / whole) * 1000) / 10
  return whole === 0 ? 0 : tenths
}

/** The fix, as the documentation has it. */
function fixOf(code: string): string {
  if (!isRefusalCode(code)) return 'A code of a check of your own: its documentation says more.'
  const [, fix = ''] = pageOf(code).split('**Fix**:')
  const [paragraph = ''] = fix.trim().split('\n\n')
  return paragraph.replaceAll('\n', ' ').replaceAll(/\[([^[\]]*)\]\([^()]*\)/g, '$1')
}

/** What to do next, the most useful first. */
function nextSteps(report: Omit<AdoptionReport, 'next'>): readonly string[] {
  const { requests, observed, refusals, ready, apiKeys } = report
  if (requests === 0)
    return ["Nothing was recorded: give countermark({ audit: 'audit.ndjson', mode: 'observe' }) and let it run."]
  const steps: string[] = []
  const [worst] = refusals.filter((group) => group.observed > 0)
  if (worst !== undefined) {
    const who = worst.caller.name ?? 'callers without a name'
    steps.push(`Mend ${worst.code} of ${who} on ${worst.route} first, ${worst.observed} requests. ${worst.fix}`)
  }
  if (ready.routes.length > 0) {
    steps.push(
      `Enforce on the routes that are ready: agents.with({ mode: 'enforce' }), beginning with ${ready.routes[0]?.name}.`,
    )
  }
  if (worst !== undefined && ready.agents.length > 0) {
    steps.push('Enforce for a share of agents: countermark({ enforce: { percent: 10 } }), then 25, 50, 100.')
  }
  if (worst === undefined && observed > 0) {
    steps.push(
      "Nothing would be refused: enforce, countermark({ mode: 'enforce' }), or begin with { enforce: { percent: 10 } }.",
    )
  }
  const [top] = apiKeys.callers
  if (top !== undefined)
    steps.push(`Help ${top.agent} to sign: ${top.share} % of all requests with an API key are its own.`)
  if (observed === 0)
    steps.push('No guard observes: this report is about requests that were refused, not about those that would be.')
  return steps
}
