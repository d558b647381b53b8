import { type AgentKey, type KeySource, Refusal, Unavailable } from '@countermark/core'
import type { RequestToSign } from '../agent/request-to-sign.ts'
import { agentKeyOf, type TestAgent } from '../agent/test-agent.ts'
import type { RawResponse } from '../servers/send-raw.ts'
import { missToken, nameAs, noteAgents, sentWith } from './fixtures.ts'
import { codesOf, type GuardedApp, outcomeOf, problemOf, type StartGuardedApp } from './guarded-app.ts'

/** What guards may be asked to do differently, by name. */
export function describeModes<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('an optional guard', () => {
    const startOptional: StartGuardedApp<Middleware> = (input) =>
      start({
        ...input,
        build: ({ app, guard, checks, handler }) => {
          app.use(guard.with({ optional: true })(checks.verify, checks.once))
          app.route('get', '/mine', guard(noteAgents([])), handler)
          app.use(handler)
        },
      })

    it('lets a request without credentials pass, without an agent', async () => {
      const app = await startOptional()
      expect(JSON.parse((await app.sendPlain()).text)).toEqual({ agent: null, body: null })
      expect(app.observer.decisions[0]).toMatchObject({ outcome: 'allow', anonymous: true })
    })

    it('shows who calls when the request is signed', async () => {
      const app = await startOptional()
      expect(JSON.parse((await app.send({})).text)).toMatchObject({ agent: 'agt_buyer' })
      expect(app.observer.decisions[0]).toMatchObject({ outcome: 'allow', anonymous: false })
    })

    it('refuses credentials that are wrong', async () => {
      const app = await startOptional()
      const response = await app.send({ tamper: { sent: { target: '/elsewhere' } } })
      expect([response.status, app.runs.length]).toEqual([401, 0])
    })

    it('refuses an unsigned request that overrides the method', async () => {
      const app = await startOptional()
      const response = await app.sendPlain({ headers: [['X-HTTP-Method-Override', 'DELETE']] })
      expect([outcomeOf(response), app.runs.length]).toEqual(['401 coverage_insufficient', 0])
    })

    it('leaves it to a later guard to insist', async () => {
      const app = await startOptional()
      const response = await app.sendPlain({ target: '/mine' })
      expect(outcomeOf(response)).toBe('401 credentials_missing')
    })

    it('proves nothing when one of its checks found no credentials', async () => {
      const app = await start(({ guard, checks, handler }) => [
        guard.with({ optional: true })(checks.verify, missToken(), checks.once),
        handler,
      ])
      expect(JSON.parse((await app.send({})).text)).toMatchObject({ agent: null })
    })
  })

  describe('an observing guard', () => {
    it('lets pass what it would refuse, and tells', async () => {
      const refused: unknown[] = []
      const app = await start({
        options: { mode: 'observe', statusMode: 'seed', onRefusal: ({ refusal }) => void refused.push(refusal?.code) },
      })
      const response = await app.send({ tamper: { sent: { target: '/elsewhere' } } })
      expect([response.status, app.runs.length]).toEqual([200, 1])
      expect(app.observer.decisions[0]).toMatchObject({ outcome: 'observe', status: 403, agent: undefined })
      expect(refused).toEqual(['signature_invalid'])
    })

    it('leaves nothing behind of a request that it would refuse', async () => {
      const app = await start({ options: { mode: 'observe' } })
      const response = await app.send({ tamper: { sent: { target: '/elsewhere' } } })
      expect(app.runs[0]?.agent).toBeUndefined()
      expect(response.headerLines.filter(([name]) => /signature|authenticate|retry/i.test(name))).toEqual([])
    })

    it('shows who calls when the request would be allowed', async () => {
      const app = await start({ options: { mode: 'observe' } })
      await app.send({})
      expect(app.runs[0]?.agent?.id).toBe('agt_buyer')
    })

    it('observes one guard while another one enforces', async () => {
      const app = await start({
        build: ({ app, guard, checks, handler }) => {
          app.use(guard.with({ mode: 'observe' })(checks.verify, checks.once))
          app.route('get', '/mine', guard(noteAgents([])), handler)
          app.use(handler)
        },
      })
      const statuses = [
        (await app.sendPlain({ target: '/any' })).status,
        (await app.sendPlain({ target: '/mine' })).status,
      ]
      expect(statuses).toEqual([200, 401])
    })

    it('warns of what is our own fault', async () => {
      const app = await start({
        options: { mode: 'observe' },
        build: ({ guard, handler }) => [guard(noteAgents([])), handler],
      })
      expect((await app.sendPlain()).status).toBe(200)
      expect(app.warnings).toMatchObject([{ code: 'config_error' }])
    })

    it('lets pass what no guard could understand', async () => {
      const app = await start({ options: { mode: 'observe' } })
      const response = await app.sendPlain({ headers: [['Host', 'other.example']] })
      expect([response.status, app.observer.decisions[0]?.refusal?.code]).toEqual([200, 'authority_mismatch'])
    })
  })

  describe('the minimum level', () => {
    const startAt =
      (options: object, route: object = {}): (() => ReturnType<typeof start>) =>
      () =>
        start({
          options,
          build: ({ guard, handler }) => [guard.with(route)(nameAs('bearer')), handler],
        })

    it.each([
      ['lets a bearer read', startAt({}), 'GET', 200],
      ['asks for a signature where something changes', startAt({}), 'POST', 401],
      ['asks for a signature with DELETE', startAt({}), 'DELETE', 401],
      ['can be raised for reading', startAt({ minimumLevel: { safe: 'signed' } }), 'GET', 401],
      ['can be lowered for changing', startAt({ minimumLevel: { unsafe: 'bearer' } }), 'POST', 200],
      ['can be lowered on one route', startAt({}, { minimumLevel: 'bearer' }), 'POST', 200],
      ['can be raised on one route', startAt({}, { minimumLevel: 'bound' }), 'GET', 401],
    ] as const)('%s', async (_name, startApp, method, status) => {
      const app = await startApp()
      const response = await app.sendPlain({ method })
      expect(response.status).toBe(status)
      expect(app.observer.decisions[0]?.refusal?.code).toBe(status === 200 ? undefined : 'scheme_not_allowed')
    })
  })
}

const FORGED: RequestToSign = { tamper: { signature: (bytes) => bytes.map((byte) => byte ^ 1) } }
const AGENTS = ['agt_buyer', 'agt_revoked', 'agt_ended', 'agt_suspended', 'agt_keyless', 'agt_unknown', 'agt_late']

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
      expect(codesOf(app)).toEqual([
        ...['signature_invalid', 'key_revoked', 'key_expired', 'agent_suspended', 'key_unknown'],
        ...['key_unknown', 'key_source_unavailable'],
      ])
    })

    it.each(AGENTS)('waits for the body of a simple signature before it refuses %s', async (agentId) => {
      const app = await startHidden({ maxBodySeconds: 0.2 })
      const tamper = { ...sentWith([['Content-Length', '2']]), sent: { body: undefined } }
      const response = await app.send({ form: 'simple-v1', method: 'POST', body: '{}', agentId, tamper })
      expect(outcomeOf(response)).toBe('400 request_malformed')
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
      if (agentId === 'agt_late') return Promise.reject(budgetSpent())
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
