import type { RouteInfo } from '@countermark/core/internal'
import type { Context } from 'koa'

/** The template and parameters of the route that handles a request; no template before a router has matched it. */
export function routeOf(ctx: Context): RouteInfo {
  // @koa/router leaves both on the context.
  const template: unknown = ctx['_matchedRoute']
  const parameters: unknown = ctx['params']
  return {
    template: typeof template === 'string' ? template : undefined,
    parameters: isParameters(parameters) ? parameters : {},
  }
}

function isParameters(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((member) => typeof member === 'string')
  )
}
