import { type Agent, createAgent } from './agent.ts'
import type { AgentFetch, SignedFetchOptions } from './agent-fetch-options.ts'
import { nextAttempt } from './challenges/next-attempt.ts'
import { readRequest } from './fetch/outgoing-request.ts'
import { type Attempt, type Exchange, firstAttempt, send } from './fetch/send.ts'
import { withFacts } from './fetch/underlying-fetch.ts'

/**
 * Makes a `fetch` that signs with one key.
 * @throws Misconfigured
 */
export function createSignedFetch(options: SignedFetchOptions): AgentFetch {
  const agent = createAgent(options)
  const { form, isAllowedOrigin, maxBodyBytes, dpop } = agent
  const ownFields = dpop === undefined ? form.ownFields : new Set([...form.ownFields, 'dpop'])
  const limits = { isAllowedOrigin, maxBodyBytes, ownFields, rereadsBlobs: form.rereadsBlobs }
  return async function agentFetch(input, init) {
    const request = await readRequest(input, init, limits)
    return perform(agent, firstAttempt(request))
  }
}

async function perform(agent: Agent, first: Attempt): Promise<Response> {
  let attempt = first
  for (;;) {
    const { request } = attempt
    const exchange = await send(agent, attempt)
    const { response } = exchange
    const next = await nextAttempt(agent, attempt, exchange)
    if (next === undefined) {
      const believable = await believed(agent, attempt, exchange)
      return attempt.redirects === 0 ? believable : withFacts(believable, { redirected: true })
    }
    // Where to go next is an answer too: a server that may choose it chooses which request the signed answer belongs to.
    if (next.redirects > attempt.redirects) await believed(agent, attempt, exchange)
    // Not awaited: the socket is given back in the background.
    response.body?.cancel().catch(() => undefined)
    if (next.delayMs > 0) await agent.delay(next.delayMs, request.signal)
    attempt = next
  }
}

/** Now as the receiver's clock has it: after a refusal for its time the offset is known. */
async function believed(agent: Agent, { request }: Attempt, { response, sent }: Exchange): Promise<Response> {
  if (agent.verifyResponse === undefined) return response
  return agent.verifyResponse(response, sent, agent.clock.wallMs() + agent.offsets.offsetMs(request.url.origin))
}
