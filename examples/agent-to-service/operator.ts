import assert from 'node:assert/strict'
import { type AgentFetch, createAgentFetch, type GeneratedAgentKey } from '@countermark/client'

/** A person, or a script of theirs, who runs the authority. */
export interface Operator {
  readonly post: (path: string, body: object) => Promise<Readonly<Record<string, unknown>>>
}

/** Signs as every agent does. */
export function createOperator(
  authority: string,
  { agentId, privateKey }: GeneratedAgentKey & { readonly agentId: string },
): Operator {
  const call: AgentFetch = createAgentFetch({ agentId, key: privateKey, origins: [authority] })
  return {
    post: async (path, body) => {
      const headers = { 'Content-Type': 'application/json' }
      const response = await call(authority + path, { method: 'POST', headers, body: JSON.stringify(body) })
      const text = await response.text()
      assert.ok(response.ok, `${path}: ${response.status} ${text}`)
      return JSON.parse(text)
    },
  }
}
