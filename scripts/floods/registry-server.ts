import { startServer, type TestAgent } from '@countermark/testing'

/** A registry that counts what it is asked for. */
export interface StartedRegistry {
  readonly url: string
  asked: number
  readonly close: () => Promise<void>
}

/** Starts a registry that knows these agents, one at a time and all at once. */
export async function startRegistry(agents: readonly TestAgent[]): Promise<StartedRegistry> {
  const byId = new Map(agents.map((agent) => [agent.agentId, agent]))
  const byKey = new Map(agents.map((agent) => [agent.keyId, agent]))
  const server = await startServer((request, response) => {
    started.asked++
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry.example')
    const id = decodeURIComponent(pathname.split('/')[2] ?? '')
    const keyId = searchParams.get('keyid')
    const isAll = id === '' && keyId === null
    const found = keyId === null ? byId.get(id) : byKey.get(keyId)
    const listed = isAll ? agents : found === undefined ? [] : [found]
    response.setHeader('content-type', 'application/json')
    response.statusCode = listed.length === 0 ? 404 : 200
    response.end(JSON.stringify({ agents: listed.map(toEntry) }))
  })
  const started: StartedRegistry = {
    url: `http://127.0.0.1:${server.port}/keys`,
    asked: 0,
    close: () => server.close(),
  }
  return started
}

function toEntry({ agentId, publishedJwk }: TestAgent): object {
  return { id: agentId, keys: [{ jwk: publishedJwk }] }
}
