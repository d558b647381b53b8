import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { RedisClient } from '../src/index.ts'

/** A client as an application makes it: with its library's own defaults, but for how long it takes to say goodbye. */
export interface OpenedClient {
  readonly client: RedisClient
  readonly close: () => void
}

/** The clients that a store takes. */
export const CLIENTS: Readonly<Record<'ioredis' | 'node-redis', (port: number) => Promise<OpenedClient>>> = {
  ioredis: async (port) => {
    const client = new Redis(port, { disconnectTimeout: 50 })
    client.on('error', () => undefined)
    return { client, close: () => client.disconnect() }
  },
  'node-redis': async (port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` })
    client.on('error', () => undefined)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
}
