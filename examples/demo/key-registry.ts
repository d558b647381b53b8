import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A key as an agent registers it. */
export interface RegisteredKey {
  readonly keyId: string
  readonly jwk: object
  /** Unix seconds. */
  readonly notAfter?: number
}

/** Members of an agent's record that its tokens are cut to. */
export interface Ceiling {
  readonly capabilities: readonly string[]
  readonly constraints: object
}

/** A registry of agents and keys, as docs/protocol/registry-document.md describes it. */
export interface KeyRegistry {
  readonly url: string
  /** Adds a key; the agent's other keys stay. */
  readonly put: (agentId: string, key: RegisteredKey) => void
  /** The first key of an agent. */
  readonly find: (agentId: string) => object | undefined
  /** Says what an agent may do at most, whatever its tokens say. */
  readonly limit: (agentId: string, ceiling: Ceiling) => void
  /** Answers with 500 from now on, or no longer. */
  readonly fail: (failing: boolean) => void
  /** How often it was asked. */
  readonly requests: () => number
  readonly close: () => Promise<void>
}

/** Starts a registry on a free port. */
export async function createKeyRegistry(): Promise<KeyRegistry> {
  const agents = new Map<string, RegisteredKey[]>()
  const ceilings = new Map<string, Ceiling>()
  let failing = false
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry.invalid')
    const document = failing ? undefined : findAgent(decodeURIComponent(pathname.slice(1)), searchParams.get('keyid'))
    response.statusCode = failing ? 500 : document === undefined ? 404 : 200
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(document ?? { error: 'nothing here' }))
  })
  const findAgent = (path: string, keyId: string | null): object | undefined => {
    const [, agentId = ''] = path.split('/')
    const found = agents.has(agentId)
      ? agentId
      : [...agents].find(([, keys]) => keys.some((key) => key.keyId === keyId))?.[0]
    if (found === undefined) return undefined
    const keys = agents.get(found)?.map(({ keyId: id, jwk, notAfter }) => ({ id, jwk, notAfter }))
    return { id: found, owner: 'demo team', state: 'active', keys, ...ceilings.get(found) }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/agent-keys`,
    put: (agentId, key) => void agents.set(agentId, [...(agents.get(agentId) ?? []), key]),
    find: (agentId) => agents.get(agentId)?.[0]?.jwk,
    limit: (agentId, ceiling) => void ceilings.set(agentId, ceiling),
    fail: (now) => {
      failing = now
    },
    requests: () => requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
