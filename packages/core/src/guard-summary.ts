/** What a guard consists of, for tools that look at an application from outside. */
export interface GuardSummary {
  /** Names of the checks, in their order. */
  readonly checks: readonly string[]
  readonly mode: 'enforce' | 'observe'
  /** Requests without credentials pass. */
  readonly optional: boolean
}

/** A registered symbol: a tool may have loaded another copy of this package. */
const GUARD = Symbol.for('countermark.guard')

/** Lets a guard, or the middleware made of it, say what it consists of. */
export function summarise<Handler>(handler: Handler, summaries: readonly GuardSummary[]): Handler {
  if (typeof handler !== 'function') return handler
  return Object.defineProperty(handler, GUARD, { value: Object.freeze([...summaries]), configurable: true })
}

/** What a handler says that it consists of; several where it holds several guards, none when it is no guard of ours. */
export function summariesOf(handler: unknown): readonly GuardSummary[] {
  if (typeof handler !== 'function') return []
  const summaries: unknown = Reflect.get(handler, GUARD)
  return Array.isArray(summaries) ? summaries : []
}
