import type { RequestListener } from 'node:http'
import { type GuardSummary, summariesOf } from '@countermark/core/internal'
import { type FoundRoute, REACHED, withoutHandlers } from './found-route.ts'

/** A Koa application, as far as it is looked at. */
export interface KoaApp {
  readonly middleware: unknown[]
  readonly callback: () => RequestListener
}

/** A layer of @koa/router. */
interface RouterLayer {
  /** None for middleware of the router. */
  readonly methods: readonly string[]
  readonly match: (path: string) => boolean
  readonly path: unknown
  stack: readonly unknown[]
}

/** Whether a value is a Koa application. */
export function isKoa(value: unknown): value is KoaApp {
  return typeof value === 'object' && value !== null && 'middleware' in value && 'callback' in value
}

/**
 * The routes of a Koa application: those of @koa/router. Koa itself knows no routes: what other middleware answers cannot be seen.
 */
export function koaRoutes(app: KoaApp): readonly FoundRoute[] {
  const found: FoundRoute[] = []
  const mounted: GuardSummary[] = []
  for (const middleware of app.middleware) {
    mounted.push(...summariesOf(middleware))
    for (const layer of layersOf(middleware)) {
      const guards = [...mounted, ...layer.stack.flatMap(summariesOf)]
      const path = String(layer.path)
      for (const method of layer.methods.filter((each) => each !== 'HEAD')) found.push({ method, path, guards })
    }
  }
  return found
}

/** The layers that a router made with its `routes()` holds; none for other middleware. */
function stackOf(middleware: unknown): readonly RouterLayer[] {
  if (typeof middleware !== 'function' || !('router' in middleware)) return []
  const { router } = middleware
  if (typeof router !== 'object' || router === null || !('stack' in router) || !Array.isArray(router.stack)) return []
  return router.stack
}

/** The routes of a router, with the middleware of the router in front that counts for them. */
function layersOf(middleware: unknown): readonly RouterLayer[] {
  const shared: RouterLayer[] = []
  return stackOf(middleware).flatMap((layer) => {
    if (layer.methods.length === 0) {
      shared.push(layer)
      return []
    }
    const before = shared.filter((each) => each.match(String(layer.path))).flatMap(({ stack }) => stack)
    return [{ ...layer, match: layer.match, stack: [...before, ...layer.stack] }]
  })
}

/** The application with its guards and parsers, and without what its routes do. */
export function rehearseKoa(app: KoaApp): RequestListener {
  const layers = app.middleware.flatMap(stackOf).filter(({ methods }) => methods.length > 0)
  for (const layer of layers) layer.stack = withoutHandlers(layer.stack, answerReached)
  if (layers.length === 0) {
    // Without a router, what stands behind the last guard is the handler.
    const last = app.middleware.findLastIndex((middleware) => summariesOf(middleware).length > 0)
    app.middleware.splice(last + 1, app.middleware.length, answerReached)
  }
  return app.callback()
}

function answerReached(ctx: { status: number; set: (name: string, value: string) => void }): void {
  ctx.status = 204
  ctx.set(REACHED.name, REACHED.value)
}
