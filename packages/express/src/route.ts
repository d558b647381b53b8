import type { RouteInfo } from '@countermark/core'
import type { Request } from 'express'

/** The template and parameters of the route that handles a request; no template before Express has routed it. */
export function routeOf(req: Request): RouteInfo {
  const path: unknown = req.route?.path
  const template = typeof path === 'string' ? req.baseUrl + path : undefined
  return {
    template,
    parameters: Object.fromEntries(Object.entries(req.params).map(([name, value]) => [name, String(value)])),
  }
}
