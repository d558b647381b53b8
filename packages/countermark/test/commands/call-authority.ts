import { readFileSync } from 'node:fs'
import { createAgentFetch } from '@countermark/client'

/** Sends one signed request to an authority, as its administrator. */
export async function call(
  origin: string,
  keyFile: string,
  method: 'POST',
  path: string,
  body: object,
): Promise<Response> {
  const send = createAgentFetch({ agentId: 'agt_ops', key: readFileSync(keyFile, 'utf8'), origins: [origin] })
  const headers = { 'content-type': 'application/json' }
  return send(origin + path, { method, headers, body: JSON.stringify(body) })
}
