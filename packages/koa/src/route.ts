import type { RouteInfo } from '@countermark/core'
import type { Context } from 'koa'

/** What @koa/router leaves on the context. */
interface Routed {
  readonly _matchedRoute?: unknown
  readonly params?: Readonly<Record<string, string>>
}

/** The template and parameters of the route that handles a request; no template before a router has matched it. */
export function routeOf(ctx: Context): RouteInfo {
  const { _matchedRoute: matched, params = {} }: Routed = ctx
  return { template: typeof matched === 'string' ? matched : undefined, parameters: params }
}
