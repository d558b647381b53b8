import type { Check } from '../check.ts'
import type { Environment } from '../environment.ts'
import { isFrameworkCall, mountedWrongly } from '../misconfigured.ts'
import { type GuardComposer, summariesOf, summarise } from './compose.ts'
import type { RouteOptions } from './route-options.ts'
import type { Guard } from './state.ts'

/** What the compiler says of a check that stands behind one that needs what it adds. */
export interface Misplaced {
  readonly misplaced: 'an earlier check of this guard needs what this one adds: put this one first'
}

/** Whether a check may follow the first one, which needs `Needs` from an earlier guard and adds `Adds`. */
type After<Needs extends object, Adds extends object, Added extends object> = Exclude<keyof Needs, keyof Adds> &
  keyof Added extends never
  ? unknown
  : Misplaced

/**
 * Composes checks, in the order given, into what the framework takes. The first may need what an earlier guard adds, the
 * others what those before them need or add.
 */
export interface ComposeGuard<Handler> {
  (): Handler
  <N1 extends object, A1 extends object>(c1: Check<N1, A1>): Handler
  <N1 extends object, A1 extends object, A2 extends object>(
    c1: Check<N1, A1>,
    c2: Check<NoInfer<N1 & A1>, A2> & After<N1, A1, A2>,
  ): Handler
  <N1 extends object, A1 extends object, A2 extends object, A3 extends object>(
    c1: Check<N1, A1>,
    c2: Check<NoInfer<N1 & A1>, A2> & After<N1, A1, A2>,
    c3: Check<NoInfer<N1 & A1 & A2>, A3> & After<N1, A1, A3>,
  ): Handler
  <N1 extends object, A1 extends object, A2 extends object, A3 extends object, A4 extends object>(
    c1: Check<N1, A1>,
    c2: Check<NoInfer<N1 & A1>, A2> & After<N1, A1, A2>,
    c3: Check<NoInfer<N1 & A1 & A2>, A3> & After<N1, A1, A3>,
    c4: Check<NoInfer<N1 & A1 & A2 & A3>, A4> & After<N1, A1, A4>,
    ...rest: readonly Check<NoInfer<N1 & A1 & A2 & A3 & A4>, object>[]
  ): Handler
}

/** What `createGuard` returns: call it with checks, or choose options for a route first. */
export interface GuardFactory<Handler> extends ComposeGuard<Handler> {
  /** Guards made from the result differ from the factory in these options. */
  readonly with: (options: RouteOptions) => ComposeGuard<Handler>
  /** The clock, the verifier and the reports of these guards, for what is judged in a handler, such as a signed action. */
  readonly environment: Environment
}

/** Makes the factory of an adapter from a composer and the adapter's own wrapper. */
export function createGuardFactory<Handler>(
  compose: GuardComposer,
  wrap: (guard: Guard) => Handler,
): GuardFactory<Handler> {
  const composeWith = (options: RouteOptions): ComposeGuard<Handler> => {
    return (...checks: readonly unknown[]) => {
      if (isFrameworkCall(checks[0])) {
        throw mountedWrongly('guard', 'app.use(guard(verifySignature({ keys }), preventReplay({ store })))')
      }
      const guard = compose(options, checks as readonly Check[])
      return summarise(wrap(guard), summariesOf(guard))
    }
  }
  return Object.assign(composeWith({}), { with: composeWith, environment: compose.environment })
}
