import type { RequestListener, ServerResponse } from 'node:http'
import { type GuardSummary, summariesOf } from '@countermark/core/internal'
import { type FoundRoute, MOUNTED, REACHED, withoutHandlers } from './found-route.ts'

/** What is read of a layer of a router: Express 4 has `regexp`, Express 5 `rawPath`. */
interface Layer {
  handle?: unknown
  readonly method?: string
  readonly rawPath?: unknown
  readonly regexp?: RegExp
  readonly route?: { readonly path: unknown; stack: readonly Layer[] }
}

/** An Express application, as far as it is looked at. */
export type ExpressApp = RequestListener & {
  readonly router?: { readonly stack?: readonly Layer[] }
  readonly _router?: { readonly stack?: readonly Layer[] }
}

/** Whether a value is an Express application. */
export function isExpress(value: unknown): value is ExpressApp {
  return typeof value === 'function' && 'use' in value && 'handle' in value && 'settings' in value
}

/** The routes of an Express 4 or 5 application, those of routers in it included. */
export function expressRoutes(app: ExpressApp): readonly FoundRoute[] {
  return walk(stackOf(app), '', [])
}

/** In Express 4 the member `router` throws, and in Express 5 there is no `_router`. */
function stackOf(app: ExpressApp): readonly Layer[] {
  return (app._router ?? app.router)?.stack ?? []
}

/** Where a guard counts from here on. */
interface Mounted {
  readonly path: string
  readonly guards: readonly GuardSummary[]
}

function walk(stack: readonly Layer[], prefix: string, outer: readonly Mounted[]): readonly FoundRoute[] {
  const found: FoundRoute[] = []
  const mounted: Mounted[] = [...outer]
  for (const layer of stack) {
    const path = prefix + pathOf(layer)
    if (layer.route !== undefined) found.push(...routesOf(layer.route, prefix, mounted))
    else if (isRouter(layer.handle)) found.push(...walk(layer.handle.stack, path, mounted))
    else if (isSubApp(layer.handle)) found.push({ method: '*', path: `${path}/*`, guards: guardsFor(path, mounted) })
    else mounted.push({ path, guards: summariesOf(layer.handle) })
  }
  return found
}

function routesOf(
  route: NonNullable<Layer['route']>,
  prefix: string,
  mounted: readonly Mounted[],
): readonly FoundRoute[] {
  const paths = [route.path].flat().map((path) => prefix + String(path))
  const methods = [...new Set(route.stack.map(({ method }) => method?.toUpperCase() ?? '*'))]
  return paths.flatMap((path) =>
    methods.map((method) => {
      const own = route.stack.filter((layer) => (layer.method?.toUpperCase() ?? method) === method)
      return {
        method,
        path,
        guards: [...guardsFor(path, mounted), ...own.flatMap(({ handle }) => summariesOf(handle))],
      }
    }),
  )
}

function guardsFor(path: string, mounted: readonly Mounted[]): readonly GuardSummary[] {
  return mounted
    .filter((each) => path === each.path || path.startsWith(`${each.path}/`) || each.path === '')
    .flatMap(({ guards }) => guards)
}

function isRouter(handle: unknown): handle is { readonly stack: readonly Layer[] } {
  return typeof handle === 'function' && 'stack' in handle && Array.isArray(handle.stack)
}

/** Express wraps an application that is mounted in another: what is in it cannot be seen. */
function isSubApp(handle: unknown): boolean {
  return typeof handle === 'function' && handle.name === 'mounted_app'
}

/** The path at which a middleware is mounted, without the slash at its end. */
function pathOf({ rawPath, regexp }: Layer): string {
  if (rawPath !== undefined) return String(rawPath).replace(/\/$/, '')
  if (regexp === undefined) return ''
  // `^\/api\/?(?=\/|$)`: Express 4 keeps the expression alone.
  const source = regexp.source.replace(/^\^/, '').replace(/\\\/\?\(\?=\\\/\|\$\)$/, '')
  return source.replaceAll('\\/', '/').replaceAll('\\.', '.').replace(/\/$/, '')
}

/** The application with its guards and parsers, and without what its routes do. */
export function rehearseExpress(app: ExpressApp): RequestListener {
  for (const layer of flatten(stackOf(app))) {
    if (isSubApp(layer.handle)) layer.handle = answerMounted
    const { route } = layer
    if (route === undefined) continue
    const handlers = new Set(
      withoutHandlers(
        route.stack.map(({ handle }) => handle),
        answerReached,
      ),
    )
    const guards = route.stack.filter(({ handle }) => handlers.has(handle))
    const [model] = route.stack
    route.stack =
      model === undefined
        ? []
        : [...guards, Object.assign(Object.create(model), { handle: answerReached, method: undefined })]
  }
  return app
}

function answerReached(_request: unknown, response: ServerResponse): void {
  response.setHeader(REACHED.name, REACHED.value)
  response.end()
}

function answerMounted(_request: unknown, response: ServerResponse): void {
  response.setHeader(REACHED.name, MOUNTED)
  response.end()
}

function flatten(stack: readonly Layer[]): readonly Layer[] {
  return stack.flatMap((layer) => [layer, ...(isRouter(layer.handle) ? flatten(layer.handle.stack) : [])])
}
