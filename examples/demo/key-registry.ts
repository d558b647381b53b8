import { startServer } from '@countermark/testing'

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
  const { origin, close } = await startServer((request, response) => {
    requests++
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry.invalid')
    const [, agentId = ''] = decodeURIComponent(pathname.slice(1)).split('/')
    const document = failing ? undefined : find(agentId, searchParams.get('keyid'))
    response.statusCode = failing ? 500 : document === undefined ? 404 : 200
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(document ?? { error: 'nothing here' }))
  })
  const find = (agentId: string, keyId: string | null): object | undefined => {
    if (agentId === '' && keyId === null) return { agents: [...agents.keys()].map(recordOf) }
    const owner = [...agents].find(([, keys]) => keys.some((key) => key.keyId === keyId))?.[0]
    const found = agents.has(agentId) ? agentId : owner
    return found === undefined ? undefined : recordOf(found)
  }
  const recordOf = (agentId: string): object => {
    const keys = agents.get(agentId)?.map(({ keyId: id, jwk, notAfter }) => ({ id, jwk, notAfter }))
    return { id: agentId, owner: 'demo team', state: 'active', keys, ...ceilings.get(agentId) }
  }
  return {
    url: `${origin}/agent-keys`,
    put: (agentId, key) => void agents.set(agentId, [...(agents.get(agentId) ?? []), key]),
    find: (agentId) => agents.get(agentId)?.[0]?.jwk,
    limit: (agentId, ceiling) => void ceilings.set(agentId, ceiling),
    fail: (now) => {
      failing = now
    },
    requests: () => requests,
    close,
  }
}
