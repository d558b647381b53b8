import type { KeySource } from '@countermark/core'
import { registry } from '@countermark/keys'
import { createTestAgent, findProgram, type StartedRedis, startRedis, type TestAgent } from '@countermark/testing'
import { Redis } from 'ioredis'
import { createKeyRegistry, type KeyRegistry } from '../../examples/demo/key-registry.ts'

/** What the drills share. */
export interface Stage {
  readonly registry: KeyRegistry
  /** Keys of that registry; each service fetches for itself. */
  readonly keys: () => KeySource
  /** An agent whose key the registry has. */
  readonly agent: (agentId: string) => Promise<TestAgent>
  readonly close: () => Promise<void>
}

/** Starts the registry of all drills but the one that breaks it. */
export async function createStage(): Promise<Stage> {
  const keys = await createKeyRegistry()
  return {
    registry: keys,
    keys: () => keysOf(keys),
    agent: async (agentId) => {
      const agent = await createTestAgent({ agentId })
      keys.put(agentId, { keyId: agent.keyId, jwk: agent.publicJwk })
      return agent
    },
    close: keys.close,
  }
}

/** The keys of a registry on this machine. */
export function keysOf({ url }: KeyRegistry): KeySource {
  return registry(url, { allowHttp: true, allowPrivateAddresses: true })
}

/** A Redis server with a client, both stopped together. */
export interface RedisPair {
  readonly server: StartedRedis
  readonly client: Redis
  readonly close: () => Promise<void>
}

/** Starts a Redis server with these settings, and a client. */
export async function startRedisPair(settings: readonly string[] = []): Promise<RedisPair> {
  const server = await startRedis({ command: programPath('redis-server'), arguments: settings })
  const client = connect(server.port)
  const close = async (): Promise<void> => {
    client.disconnect()
    await server.stop()
  }
  return { server, client, close }
}

/** An ioredis client that complains to nobody: that Redis is gone is what is drilled. */
export function connect(port: number): Redis {
  return new Redis(port, '127.0.0.1').on('error', () => undefined)
}

/** Path of a program that the drill cannot do without. @throws Error when it is not installed */
export function programPath(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new Error(`${name} is not installed`)
  return path
}
