import { type AgentFact, type AgentRequest, type Check, defineCheck, type Level, Refusal } from '@countermark/core'

/** Names the caller at a level, as a check for another kind of credential would. */
export function nameAs(level: Level, id = 'agt_named'): Check<object, { readonly agent: AgentFact }> {
  const agent: AgentFact = { id, level, scheme: 'httpsig', record: { id, state: 'active' } }
  return defineCheck({ name: `name_as_${level}`, needs: [], adds: ['agent'] }, () => ({ agent }))
}

/** Needs what an identity check adds, and remembers what it was given. */
export function noteAgents(seen: string[]): Check<{ readonly agent: AgentFact }, object> {
  return defineCheck({ name: 'note_agents', needs: ['agent'], adds: [] }, (_request, { agent }) => {
    seen.push(agent.id)
    return {}
  })
}

/** Takes note of requests as checks see them, and asks nothing. */
export function noteRequests(seen: (request: AgentRequest) => void): Check<object, object> {
  return defineCheck({ name: 'note_requests', needs: [], adds: [] }, (request) => {
    seen(request)
    return {}
  })
}

/** Reads the body as a digest check does. */
export function readBody(seen: (bytes: Uint8Array) => void): Check<object, object> {
  return defineCheck({ name: 'read_body', needs: [], adds: [] }, async (request) => {
    seen(await request.body())
    return {}
  })
}

/** Finds no credentials of its own kind. */
export function missToken(): Check<object, object> {
  return defineCheck({ name: 'miss_token', needs: [], adds: [] }, () => {
    throw new Refusal('credentials_missing', 'a token is required')
  })
}

/** Waits until a test lets it go on. */
export function createGate(): {
  readonly check: Check<object, object>
  readonly open: () => void
  readonly reached: Promise<void>
} {
  let open = (): void => undefined
  let reach = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const check = defineCheck({ name: 'gate', needs: [], adds: [] }, async () => {
    reach()
    await opened
    return {}
  })
  return { check, open: () => open(), reached }
}
