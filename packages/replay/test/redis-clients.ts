import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import type { RedisReplayStoreOptions } from '../src/index.ts'

/** A client as an application makes it: with its library's own defaults, but for how long it takes to say goodbye. */
export interface OpenedClient {
  readonly client: RedisReplayStoreOptions['client']
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

/** The clients of a cluster that a store takes, each with a user when one is named. */
export const CLUSTER_CLIENTS: Readonly<
  Record<'ioredis' | 'node-redis', (urls: readonly string[], user?: TestUser) => Promise<OpenedClient>>
> = {
  ioredis: async (urls, user) => {
    const client = new Cluster([...urls], { redisOptions: { ...user, disconnectTimeout: 50 } })
    client.on('error', () => undefined)
    return { client, close: () => client.disconnect() }
  },
  'node-redis': async (urls, user) => {
    const client = createCluster({ rootNodes: urls.map((url) => ({ url })), ...(user && { defaults: user }) })
    client.on('error', () => undefined)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
}

/** A user of Redis. */
export interface TestUser {
  readonly username: string
  readonly password: string
}
