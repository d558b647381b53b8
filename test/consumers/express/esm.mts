import type { RequestListener } from 'node:http'
import { createAgentFetch } from '@countermark/client'
import { type AgentView, type Check, isMisconfigured, type RefusalCode } from '@countermark/core'
import { REFUSAL_CODES } from '@countermark/core/internal'
import { createGuard } from '@countermark/express'
import { fromFile, staticKeys } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestAgent, type SignedRequest } from '@countermark/testing'
import express from 'express'

const guard = createGuard({ authorities: ['api.example.com'], mode: 'observe' })
const signature = verifySignature({ keys: staticKeys([{ agentId: 'agt_consumer', key: 'MCow…' }]) })
const replay = preventReplay({ store: memoryReplayStore() })

const businessHours: Check = () => ({})
// @ts-expect-error nothing before it verified a proof that could be claimed
guard(businessHours, replay)

const app = express()
app.use(guard(signature, replay, businessHours))
app.use('/reports', guard.with({ optional: true })(verifySignature({ keys: fromFile('keys.json') }), replay))
app.get('/whoami', (req, res) => {
  const agent: AgentView | undefined = req.agent
  res.json({ agent: agent?.id, covered: agent?.covered('content-type') })
})

export const handler: RequestListener = app
export const statuses: readonly number[] = Object.values(REFUSAL_CODES).map(({ status }) => status)
export const code: RefusalCode = 'key_unknown'
export const fetchAsAgent: typeof fetch = createAgentFetch({
  agentId: 'agt_consumer',
  key: '-----BEGIN PRIVATE KEY-----',
  origins: ['https://api.example.com'],
})

export async function sign(): Promise<SignedRequest> {
  const agent = await createTestAgent({ agentId: 'agt_consumer' })
  return agent.signRequest({ form: 'simple-v1', tamper: { sent: { target: '/admin' } } })
}

export function explain(error: unknown): string {
  return isMisconfigured(error) ? error.code : 'unknown'
}
