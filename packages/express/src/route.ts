import type { RouteInfo } from '@countermark/core'
import type { Request } from 'express'

/** The template and parameters of the route that handles a request; no template before Express has routed it. */
export function routeOf(req: Request): RouteInfo {
  const path: unknown = req.route?.path
  return {
    template: typeof path === 'string' ? joinPaths(req.baseUrl, path) : undefined,
    parameters: Object.fromEntries(Object.entries(req.params ?? {}).map(([name, value]) => [name, textOf(value)])),
  }
}

/** `/v1/orders` and `/` are `/v1/orders`: the spelling that callers use. */
function joinPaths(base: string, path: string): string {
  return base !== '' && path === '/' ? base : base + path
}

/** A wildcard of Express 5 holds segments where one of Express 4 holds text. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join('/') : String(value)
}
