import type { SeenRequest } from './count-requests.ts'
import { type Trend, TrendCount } from './trend.ts'

/** Who calls: `claimed` where the request only named the agent, `unnamed` where it named none. */
export interface Caller {
  readonly name: string | undefined
  readonly proof: 'proven' | 'claimed' | 'unnamed'
}

/** A caller as people read it: a name that the request only claimed is marked. */
export function describeCaller({ name, proof }: Caller): string {
  if (name === undefined) return '(unnamed)'
  return proof === 'claimed' ? `${name} (claimed)` : name
}

/** Requests of one caller on one route that are, or would be, refused for one reason. */
export interface RefusedGroup {
  readonly caller: Caller
  /** Method and template of the route. */
  readonly route: string
  readonly code: string
  readonly check: string
  /** Let pass, because the guard observes. */
  readonly observed: number
  /** Refused. */
  readonly refused: number
  readonly since: string
  readonly last: string
  readonly trend: Trend
}

/** What one agent or one route was seen doing. Times are Unix milliseconds. */
export interface Seen {
  requests: number
  firstMs: number
  lastMs: number
  /** When a request was, or would have been, refused at last. */
  refusedMs: number | undefined
  isObserved: boolean
  /** Requests with an API key, those that were refused for it included. */
  withKey: number
}

/** Requests by what became of them. */
export interface Totals {
  requests: number
  passed: number
  wouldBeRefused: number
  refused: number
  /** By some guard. */
  observed: number
}

interface Group {
  readonly caller: Caller
  readonly route: string
  readonly code: string
  readonly check: string
  observed: number
  refused: number
  firstMs: number
  lastMs: number
  readonly trend: TrendCount
}

/** Beyond these, strangers are counted together: an id that a refused request names may be anything. */
const MOST_GROUPS = 5_000
const MOST_NAMES = 10_000
const KEY_REFUSALS = new Set(['api_key_brownout', 'api_key_sunset'])
const OTHERS: Caller = { name: undefined, proof: 'unnamed' }

/** Counts requests for a report, in bounded memory. */
export class AdoptionTally {
  readonly agents: Map<string, Seen> = new Map()
  readonly routes: Map<string, Seen> = new Map()
  readonly totals: Totals = { requests: 0, passed: 0, wouldBeRefused: 0, refused: 0, observed: 0 }
  firstMs: number = Number.POSITIVE_INFINITY
  lastMs: number = Number.NEGATIVE_INFINITY
  private readonly groups = new Map<string, Group>()

  add(request: SeenRequest): void {
    const { decision, firstMs, isObserving } = request
    this.totals.requests += 1
    if (isObserving) this.totals.observed += 1
    this.totals[decision === 'allow' ? 'passed' : decision === 'observe' ? 'wouldBeRefused' : 'refused'] += 1
    this.firstMs = Math.min(this.firstMs, firstMs)
    this.lastMs = Math.max(this.lastMs, firstMs)
    note(this.routes, routeOf(request), request)
    const agent = request.agent ?? (KEY_REFUSALS.has(request.code ?? '') ? request.claimedAgent : undefined)
    if (agent !== undefined) note(this.agents, agent, request)
    if (decision !== 'allow') this.addRefused(request)
  }

  /** The groups with most requests first. */
  refused(): readonly RefusedGroup[] {
    return [...this.groups.values()]
      .sort((one, other) => other.observed + other.refused - (one.observed + one.refused))
      .map(({ firstMs, lastMs, trend, ...group }) => ({
        ...group,
        since: new Date(firstMs).toISOString(),
        last: new Date(lastMs).toISOString(),
        trend: trend.read(this.firstMs, this.lastMs),
      }))
  }

  private addRefused(request: SeenRequest): void {
    const { check, code = 'unknown', decision, firstMs } = request
    const route = routeOf(request)
    const caller = this.groups.size < MOST_GROUPS ? callerOf(request) : OTHERS
    const key = JSON.stringify([caller, route, code])
    const group = this.groups.get(key) ?? {
      ...{ caller, route, code, check, observed: 0, refused: 0, firstMs, lastMs: firstMs },
      trend: new TrendCount(),
    }
    group[decision === 'deny' ? 'refused' : 'observed'] += 1
    group.firstMs = Math.min(group.firstMs, firstMs)
    group.lastMs = Math.max(group.lastMs, firstMs)
    group.trend.add(firstMs)
    this.groups.set(key, group)
  }
}

function callerOf({ agent, claimedAgent }: SeenRequest): Caller {
  if (agent !== undefined) return { name: agent, proof: 'proven' }
  return { name: claimedAgent, proof: claimedAgent === undefined ? 'unnamed' : 'claimed' }
}

function routeOf({ method, route = '(no route)' }: SeenRequest): string {
  return `${method} ${route}`
}

function note(seen: Map<string, Seen>, name: string, request: SeenRequest): void {
  const { code, decision, firstMs, isObserving, scheme } = request
  const known = seen.get(name)
  if (known === undefined && seen.size >= MOST_NAMES) return
  const counted = known ?? {
    ...{ requests: 0, firstMs, lastMs: firstMs, refusedMs: undefined, isObserved: false, withKey: 0 },
  }
  counted.requests += 1
  counted.firstMs = Math.min(counted.firstMs, firstMs)
  counted.lastMs = Math.max(counted.lastMs, firstMs)
  if (decision !== 'allow') counted.refusedMs = Math.max(counted.refusedMs ?? firstMs, firstMs)
  counted.isObserved ||= isObserving
  if (scheme === 'api-key' || KEY_REFUSALS.has(code ?? '')) counted.withKey += 1
  seen.set(name, counted)
}
