import type { RouteInfo } from '@countermark/core/internal'
import type { Request } from 'express'

/** The template and parameters of the route that handles a request; no template before Express has routed it. */
export function routeOf(req: Request): RouteInfo {
  const path: unknown = req.route?.path
  return {
    template: typeof path === 'string' ? joinPaths(req.baseUrl, path) : undefined,
    parameters: parametersOf(req.params ?? {}),
  }
}

/** `/v1/orders` and `/` are `/v1/orders`: the spelling that callers use. */
function joinPaths(base: string, path: string): string {
  return base !== '' && path === '/' ? base : base + path
}

/** Express 4 has an optional parameter that is not there as `undefined`: no text, and above all not that one. */
function parametersOf(params: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const present = Object.entries(params).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present.map(([name, value]) => [name, textOf(value)]))
}

/** A wildcard of Express 5 holds segments where one of Express 4 holds text. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join('/') : String(value)
}
