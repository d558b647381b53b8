import type * as redis from '@countermark/core/internal'

/** How a client tells that its connection comes and goes. */
interface ConnectionEvents {
  readonly on: (event: string, listener: () => void) => unknown
  readonly off: (event: string, listener: () => void) => unknown
}

/** A client of one Redis server: of ioredis or of node-redis, best with a connection of its own. */
export type RedisClient = redis.RedisClient & ConnectionEvents

/** What to do when the client's connection comes and goes. */
export interface ConnectionListener {
  /** The connection is lost; may be called several times for one loss. */
  readonly broken: () => void
  readonly ready: () => void
}

/** Follows the events of either client; `ready` is said at once when it is connected already. Returns how to stop. */
export function followConnections(client: RedisClient, { broken, ready }: ConnectionListener): () => void {
  // ioredis says close and end, node-redis reconnecting and end; both before they use another connection.
  const listeners = [
    ['close', broken],
    ['end', broken],
    ['reconnecting', broken],
    ['ready', ready],
  ] as const
  for (const [event, listener] of listeners) client.on(event, listener)
  if (isReady(client)) ready()
  return () => {
    for (const [event, listener] of listeners) client.off(event, listener)
  }
}

function isReady(client: RedisClient): boolean {
  return Reflect.get(client, 'status') === 'ready' || Reflect.get(client, 'isReady') === true
}
