import {
  type AgentFact,
  type AgentRequest,
  type Check,
  type Clock,
  createGuardComposer,
  createGuardSettings,
  createHeaderFields,
  defineCheck,
  type GuardOptions,
  type Level,
  Refusal,
  type RefusalCode,
} from '../src/index.ts'
import type { Guard, RouteOptions, Verdict } from '../src/internal.ts'

/** A request in a test; what is left out is harmless. */
export interface RequestInput extends Partial<Omit<AgentRequest, 'headers'>> {
  /** Field lines as `rawHeaders` has them. */
  readonly rawHeaders?: readonly string[]
}

/** Builds a request as an adapter hands it over. */
export function aRequest(input: RequestInput = {}): AgentRequest {
  const { rawHeaders = ['Host', 'api.example.com'], target = '/orders?limit=10', ...rest } = input
  const [path = '', query] = target.split(/(?=\?)/)
  return {
    method: 'GET',
    target,
    path,
    query,
    scheme: 'https',
    authority: 'api.example.com',
    headers: createHeaderFields(rawHeaders),
    remoteAddress: '192.0.2.1',
    hasBody: false,
    contentLength: undefined,
    body: () => new Uint8Array(),
    route: () => ({ template: undefined, parameters: {} }),
    raw: {},
    ...rest,
  }
}

/** A factory as an adapter uses it: `compose(options, checks)`. */
export function aFactory(
  options: Partial<GuardOptions> = {},
): (checks: readonly Check[], route?: RouteOptions) => Guard {
  const compose = createGuardComposer(createGuardSettings({ origins: ['api.example.com'], ...options }))
  return (checks, route = {}) => compose(route, checks)
}

/** One guard of a factory of its own. */
export function aGuard(checks: readonly Check[], options: Partial<GuardOptions> = {}, route: RouteOptions = {}): Guard {
  return aFactory(options)(checks, route)
}

/** An agent as a check establishes it. */
export function anAgent(level: Level = 'signed'): AgentFact {
  return { id: 'agt_buyer', level, scheme: 'httpsig', record: { id: 'agt_buyer', state: 'active' } }
}

/** A check that recognises everybody. */
export function nameAgent(level: Level = 'signed'): Check<object, { readonly agent: AgentFact }> {
  return defineCheck({ name: 'name_agent', needs: [], adds: ['agent'] }, () => ({ agent: anAgent(level) }))
}

/** A check that refuses everybody. */
export function refuseWith(code: RefusalCode): Check {
  return describedAs('refuse', [], () => {
    throw new Refusal(code, 'expected otherwise')
  })
}

/** A check with a name and the facts that it says it adds. */
export function describedAs(name: string, adds: readonly string[], run: Check): Check {
  return defineCheck({ name, needs: [], adds }, run)
}

/** A clock that stands still. */
export const STOPPED: Clock = { wallMs: () => 1_767_225_600_000, monotonicMs: () => 0 }

/** What a guard decided at once. */
export function atOnce(verdict: Verdict | Promise<Verdict>): Verdict {
  if ('then' in verdict) throw new Error('the guard wanted to wait')
  return verdict
}

/** The code of a refusal; `undefined` when the request passed. */
export function codeOf(verdict: Verdict): RefusalCode | undefined {
  return verdict.outcome === 'deny' ? verdict.refusal.code : undefined
}

/** The problem document of a refusal. */
export function problemOf(verdict: Verdict): Readonly<Record<string, unknown>> {
  if (verdict.outcome === 'allow') throw new Error('the request passed')
  return JSON.parse(verdict.reply.body)
}

/** The values of a header field of a refusal. */
export function fieldOf(verdict: Verdict, name: string): readonly string[] {
  const headers = verdict.outcome === 'deny' ? verdict.reply.headers : []
  return headers.filter(([field]) => field.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

/** What a function throws. */
export function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** How a promise of another make settles. */
export type Settle = (resolve: (value: object) => void, reject: (reason: unknown) => void) => void

/** What can be awaited and is no promise of this realm. */
export function thenableOf(settle: Settle, base: object = {}): Promise<never> {
  return Object.defineProperty(base, 'then', { value: settle }) as Promise<never>
}
