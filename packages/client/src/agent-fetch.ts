import type { AgentFetch, AgentFetchOptions } from './agent-fetch-options.ts'
import { createAuthorityAgent } from './authority/authority-agent.ts'
import { createSignedFetch } from './signed-fetch.ts'

/**
 * Makes a `fetch` for one agent: every request is signed, digested and carries a nonce of its own; refusals that a new
 * signature cures are answered with one, within limits. With `authority` in place of a key the agent enrols and rotates by itself.
 * @example
 * const agentFetch = createAgentFetch({ agentId: 'agt_7f2k9x', key: privateKeyPem, origins: ['https://api.example.com'] })
 * const response = await agentFetch('https://api.example.com/orders', { method: 'POST', body: JSON.stringify(order) })
 * @throws Misconfigured
 */
export function createAgentFetch(options: AgentFetchOptions): AgentFetch {
  return options.authority === undefined ? createSignedFetch(options) : createAuthorityAgent(options).fetch
}
