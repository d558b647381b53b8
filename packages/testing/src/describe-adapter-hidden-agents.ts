import { type AgentKey, type KeySource, Refusal, Unavailable } from '@countermark/core'
import { type GuardedApp, problemOf, type StartGuardedApp } from './guarded-app.ts'
import { agentKeyOf } from './key-source-of.ts'
import type { RawResponse } from './raw-response.ts'
import type { RequestToSign } from './request-to-sign.ts'
import { rawRequest, sendRaw } from './send-raw.ts'
import type { TestAgent } from './test-agent.ts'

const FORGED: RequestToSign = { tamper: { signature: (bytes) => bytes.map((byte) => byte ^ 1) } }
const AGENTS = ['agt_buyer', 'agt_revoked', 'agt_ended', 'agt_suspended', 'agt_keyless', 'agt_nobody', 'agt_unasked']

/** With `errorDetail: 'minimal'`, neither answers nor waiting tell which agents exist. */
export function describeHiddenAgents<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('where errorDetail is minimal', () => {
    const startHidden = (options: object = {}): Promise<GuardedApp> =>
      start({ options: { errorDetail: 'minimal', ...options }, keys: everyKindOf })

    it.each<[string, RequestToSign]>([
      ['a signature', {}],
      ['a signature over a body', { method: 'POST', body: '{"amount":4200}' }],
      ['a simple signature', { form: 'simple-v1' }],
      ['a simple signature over a body', { form: 'simple-v1', method: 'POST', body: '{"amount":4200}' }],
    ])('answers %s alike for every agent, also while look-ups are spent', async (_what, request) => {
      const app = await startHidden()
      const answers = new Set<string>()
      for (const agentId of AGENTS) answers.add(tell(await app.send({ ...request, ...FORGED, agentId })))
      expect([...answers]).toEqual([expect.stringContaining('"code":"signature_invalid"')])
      expect(app.observer.decisions.map(({ refusal }) => refusal?.code)).toEqual([
        ...['signature_invalid', 'key_revoked', 'key_expired', 'agent_suspended', 'key_unknown'],
        ...['key_unknown', 'key_source_unavailable'],
      ])
    })

    it.each(AGENTS)('waits for the body of a simple signature before it refuses %s', async (agentId) => {
      const app = await startHidden({ maxBodySeconds: 0.2 })
      const { method, target, headerLines } = await app.agent.signRequest({
        ...{ form: 'simple-v1', method: 'POST', body: '{}', agentId },
      })
      const lines = [...headerLines, ['Content-Length', '2'] as const]
      const response = await sendRaw(app.port, rawRequest({ method, target, headerLines: lines, body: undefined }))
      expect([response.status, problemOf(response)['code']]).toEqual([400, 'request_malformed'])
    })
  })
}

/** One agent of each kind that an attacker might tell apart. */
function everyKindOf(agent: TestAgent): KeySource {
  const keyOf = (id: string, overrides: Partial<AgentKey> = {}): readonly AgentKey[] => [
    agentKeyOf(agent, { agent: { id, state: 'active' }, ...overrides }),
  ]
  const known = new Map<string | undefined, readonly AgentKey[]>([
    ['agt_buyer', keyOf('agt_buyer')],
    ['agt_revoked', keyOf('agt_revoked', { state: 'revoked' })],
    ['agt_ended', keyOf('agt_ended', { notAfter: 1_700_000_000 })],
    ['agt_keyless', []],
  ])
  return {
    name: 'test',
    findKeys: ({ agentId }) => {
      if (agentId === 'agt_suspended') throw new Refusal('agent_suspended', 'the agent may not act at present')
      if (agentId === 'agt_unasked') return Promise.reject(budgetSpent())
      return known.get(agentId) ?? []
    },
  }
}

function budgetSpent(): Unavailable {
  return new Unavailable('key_source_unavailable', 'keys', 'look-ups are spent', { retryAfterSeconds: 6 })
}

function tell(response: RawResponse): string {
  const { instance: _instance, request_id: _id, ...problem } = problemOf(response)
  const fields = response.headerLines.filter(([name]) => name !== 'Date')
  return JSON.stringify({ status: response.status, problem, fields })
}
