import type { RedisClient } from '@countermark/core/internal'
import {
  requireProgram,
  type StartedRedis,
  type StartedRedisCluster,
  startRedis,
  startRedisCluster,
} from '@countermark/testing'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'

/** A client of some kind, and how to end it. */
export interface OpenedClient {
  readonly client: RedisClient
  readonly close: () => Promise<void>
}

/** Both kinds of client that are taken. */
const CLIENTS: readonly (readonly [name: string, open: (url: string) => Promise<OpenedClient>])[] = [
  [
    'ioredis',
    async (url) => {
      const client = new Redis(url, { maxRetriesPerRequest: null })
      client.on('error', () => undefined)
      return { client, close: async () => client.disconnect() }
    },
  ],
  [
    'node-redis',
    async (url) => {
      const client = createClient({ url })
      client.on('error', () => undefined)
      await client.connect()
      return { client, close: async () => client.destroy() }
    },
  ],
]

/** Describes what needs a Redis server; says so and passes over where there is none, and fails in CI. */
export function describeWithRedis(name: string, tests: (command: string) => void): void {
  const command = requireProgram('redis-server')
  if (command !== undefined) describe(name, () => tests(command))
}

/** Starts a server for all tests of a `describe`. */
export function useRedis(command: string): () => StartedRedis {
  let server: StartedRedis | undefined
  beforeAll(async () => {
    server = await startRedis({ command })
  })
  afterAll(async () => server?.stop())
  return () => {
    if (server === undefined) throw new Error('the server starts before the first test')
    return server
  }
}

/** Both kinds of client, for a cluster. */
const CLUSTER_CLIENTS: readonly (readonly [name: string, open: (urls: readonly string[]) => Promise<OpenedClient>])[] =
  [
    [
      'ioredis, a cluster',
      async (urls) => {
        const client = new Cluster([...urls])
        client.on('error', () => undefined)
        return { client, close: async () => client.disconnect() }
      },
    ],
    [
      'node-redis, a cluster',
      async (urls) => {
        const client = createCluster({ rootNodes: urls.map((url) => ({ url })) })
        client.on('error', () => undefined)
        await client.connect()
        return { client, close: async () => client.destroy() }
      },
    ],
  ]

/** Starts a cluster for all tests of a `describe`. */
function useRedisCluster(command: string): () => StartedRedisCluster {
  let cluster: StartedRedisCluster | undefined
  beforeAll(async () => {
    cluster = await startRedisCluster({ command })
  }, 40_000)
  afterAll(async () => cluster?.stop())
  return () => {
    if (cluster === undefined) throw new Error('the cluster starts before the first test')
    return cluster
  }
}

/** A store of some kind, described for each way to reach Redis. */
export interface StoreInRedis<Options, Store> {
  readonly describeStore: (
    name: string,
    open: () => Promise<{
      readonly createStore: (options?: Options) => Store
      readonly close: () => Promise<void>
    }>,
  ) => void
  /** A store of its own for each prefix. */
  readonly create: (client: RedisClient, prefix: string, options?: Options) => Store
}

/** Describes a store with both kinds of client, on one server and in a cluster. */
export function describeWithEachClient<Options, Store>(
  command: string,
  { describeStore, create }: StoreInRedis<Options, Store>,
): void {
  let stores = 0
  const createWith =
    (client: RedisClient) =>
    (options?: Options): Store =>
      create(client, `${stores++}:`, options)
  describe('on one server', () => {
    const server = useRedis(command)
    for (const [name, open] of CLIENTS) {
      describeStore(name, async () => {
        const { client, close } = await open(server().url)
        return { createStore: createWith(client), close }
      })
    }
  })
  describe('in a cluster', () => {
    const cluster = useRedisCluster(command)
    for (const [name, open] of CLUSTER_CLIENTS) {
      describeStore(name, async () => {
        const { client, close } = await open(cluster().urls)
        return { createStore: createWith(client), close }
      })
    }
  })
}
