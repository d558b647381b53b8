/** Options that a `Request` tells of, with what they are when nothing was said. */
const TOLD: Readonly<Record<string, unknown>> = {
  cache: 'default',
  credentials: 'same-origin',
  integrity: '',
  keepalive: false,
  mode: 'cors',
  referrer: 'about:client',
  referrerPolicy: '',
}

/** Options that node-fetch keeps in its own `Request`: which way a request takes, and how much is read. */
const OF_NODE_FETCH = ['agent', 'compress', 'highWaterMark', 'insecureHTTPParser', 'size', 'timeout']

/** Options inside a `Request` that are the business of the `fetch` underneath, such as `integrity` or a `dispatcher`. */
export function optionsIn(request: Request): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {}
  for (const [name, usual] of Object.entries(TOLD)) {
    const value: unknown = Reflect.get(request, name)
    if (value !== undefined && value !== usual) options[name] = value
  }
  for (const name of OF_NODE_FETCH) {
    const value: unknown = Reflect.get(request, name)
    if (value !== undefined) options[name] = value
  }
  const dispatcher = dispatcherIn(request)
  return dispatcher === undefined ? options : { ...options, dispatcher }
}

/** undici up to version 6, which is in Node 20 and 22, keeps it under a symbol of its own. */
function dispatcherIn(request: Request): unknown {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'dispatcher')
  return symbol === undefined ? undefined : Reflect.get(request, symbol)
}

/** Whether a `Request` may hold a `dispatcher` that only its own library sees, as those of undici from version 7 on may. */
export function hidesOptions(request: Request): boolean {
  return Reflect.ownKeys(request).length === 0
}
