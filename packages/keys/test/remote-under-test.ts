import type { AgentKey, KeyQuery, KeySource } from '@countermark/core'
import { createFakeClock, createTestEnvironment, type FakeClock, type TestEnvironment } from '@countermark/testing'
import { jwks, type RegistryOptions, registry } from '../src/index.ts'
import { type Answer, json, type KeyServer, registryOf, startKeyServer, until } from './key-server.ts'
import { createPublicKey } from './public-key.ts'

/** A key of the agent `agt_a` as the server is to publish it. */
export interface ServedKey {
  readonly id: string
  readonly jwk: Readonly<Record<string, unknown>>
}

/** One kind of remote source, with how its documents look. */
export interface RemoteKind {
  readonly open: (url: string, options: RegistryOptions) => KeySource
  readonly publish: (...keys: readonly ServedKey[]) => Answer
}

export const KINDS: Readonly<Record<'jwks' | 'registry', RemoteKind>> = {
  jwks: {
    open: (url, options) => jwks(url, { agent: 'agt_a', ...options }),
    publish: (...keys) => json({ keys: keys.map(({ id, jwk }) => ({ ...jwk, kid: id })) }),
  },
  registry: {
    open: (url, options) => registry(url, options),
    publish: (...keys) => registryOf({ id: 'agt_a', keys }),
  },
}

/** A source in front of a server, with everything a test turns. */
export interface RemoteUnderTest {
  readonly server: KeyServer
  readonly source: KeySource
  readonly clock: FakeClock
  readonly environment: TestEnvironment
  /** Exactly what `findKeys` gives. */
  readonly find: (query: KeyQuery) => ReturnType<KeySource['findKeys']>
  /** The ids of the keys found, or the code of the error. */
  readonly idsOf: (query: KeyQuery) => Promise<readonly string[] | string>
  /** Fetches that have ended. */
  readonly fetches: () => number
  /** Lets a background fetch end. */
  readonly fetched: (count: number) => Promise<void>
}

const opened: RemoteUnderTest[] = []

/** Starts a server that publishes the keys, and a source that asks it */
export async function openRemote(
  kind: RemoteKind,
  keys: readonly ServedKey[],
  options: RegistryOptions = {},
): Promise<RemoteUnderTest> {
  const server = await startKeyServer(kind.publish(...keys))
  const clock = createFakeClock()
  const environment = createTestEnvironment({ clock })
  const fixed = { allowHttp: true, allowPrivateAddresses: true, random: () => 0 } as const
  const source = kind.open(server.url, { ...fixed, ...options })
  const find = (query: KeyQuery): ReturnType<KeySource['findKeys']> => source.findKeys(query, environment)
  const fetches = (): number => environment.observer.total('key_fetches_total')
  const remote: RemoteUnderTest = {
    ...{ server, source, clock, environment, find, fetches },
    idsOf: async (query) => {
      try {
        return ((await find(query)) as readonly AgentKey[]).map(({ keyId }) => keyId)
      } catch (error) {
        return (error as { code: string }).code
      }
    },
    fetched: (count) => until(() => fetches() >= count),
  }
  opened.push(remote)
  return remote
}

/** For `afterEach`. */
export async function closeRemotes(): Promise<void> {
  for (const { source, server } of opened.splice(0)) {
    await source.close?.()
    await server.stop()
  }
}

export function servedKey(id: string): ServedKey {
  return { id, jwk: createPublicKey().jwk }
}

export const KNOWN: KeyQuery = { agentId: 'agt_a', keyId: 'k1' }
export const UNKNOWN: KeyQuery = { agentId: 'agt_a', keyId: 'k2' }
export const SECOND = 1_000
export const MINUTE: number = 60 * SECOND
export const HOUR: number = 60 * MINUTE
