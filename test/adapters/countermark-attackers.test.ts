import { memoryBudgets } from '@countermark/capability'
import type { AgentKey, AgentRecord, KeySource } from '@countermark/core'
import { type DelegateOfflineOptions, delegateOffline } from '@countermark/delegation'
import { memoryReplayStore } from '@countermark/replay'
import {
  type AdapterUnderTest,
  agentKeyOf,
  createFakeClock,
  createTestAgent,
  keySourceOf,
  rawRequest,
  sendRaw,
  type TestAgent,
} from '@countermark/testing'
import { type Countermark, type CountermarkOptions, countermark as expressCountermark } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'
import { createDpopProver } from '../../packages/delegation/test/dpop-prover.ts'
import { createTestIssuer, type Members, type TestIssuer } from '../../packages/delegation/test/token-issuer.ts'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { type Umbrella, umbrellaUnderTest } from './countermark-adapter.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'

// What falls between the packages: each of them keeps its word, and an agent goes where none of them looks.

const AUDIENCE = 'https://api.example.com'
type Options = Partial<CountermarkOptions>

const RIGHTS = { scope: 'orders:read orders:list' }

describeAttackers('Express', expressAdapter(express), expressCountermark)
describeAttackers('Koa', koaAdapter(Koa), koaCountermark)

function describeAttackers<Middleware>(
  name: string,
  framework: AdapterUnderTest<Middleware>,
  countermark: Umbrella<Middleware>,
): void {
  describe(`an attacker of countermark on ${name}`, () => {
    const { adapter, createChecks, createAgents } = umbrellaUnderTest(framework, countermark)
    const start = useGuardedApps(adapter, createChecks)
    const [prover, bearer] = [createDpopProver(), createDpopProver()]
    let issuer: TestIssuer
    let clerk: TestAgent

    beforeAll(async () => {
      issuer = await createTestIssuer()
      clerk = await createTestAgent({ agentId: 'agt_clerk' })
    })

    const startApp = (options: Options, use: (agents: Countermark<Middleware>) => Middleware): Promise<GuardedApp> =>
      start({
        build: ({ app, handler }) => {
          const delegation = { issuers: [issuer.options()], audience: AUDIENCE, dpop: {}, offline: {} }
          const agents = createAgents({ delegation, ...options })
          app.use(use(agents))
          app.route('get', '/orders', agents.require('orders:read'), handler)
        },
      })
    const startSigned = (options: Options): Promise<GuardedApp> => startApp(options, (agents) => agents)
    const startReading = (record: Partial<AgentRecord> = {}, options: Options = {}): Promise<GuardedApp> => {
      const keys = keySourceOf(agentKeyOf(clerk, { agent: { id: 'agt_clerk', state: 'active', ...record } }))
      return startApp({ keys, ...options }, (agents) => agents.withoutSignature())
    }
    /** agt_clerk hands its token on. */
    const handOn = async (
      to: DelegateOfflineOptions['to'],
      authorizationDetails: readonly Members[] = [],
    ): Promise<string> =>
      delegateOffline({
        token: await mint({ cnf: { jwk: bearer.jwk }, max_depth: 1 }),
        key: bearer.privateKey,
        to,
        scopes: ['orders:read'],
        ...(authorizationDetails.length === 0 ? {} : { authorizationDetails }),
      })

    const mint = (claims: Members, now = Math.floor(Date.now() / 1000)): Promise<string> =>
      issuer.mint({ act: { sub: 'agt_clerk' }, iat: now, exp: now + 60, ...RIGHTS, ...claims })

    const ask = async (app: GuardedApp, token: string, at = Math.floor(Date.now() / 1000)): Promise<string> => {
      const proof = await prover.prove({ token, at })
      const headers = { Authorization: `DPoP ${token}`, DPoP: proof }
      return outcomeOf(await app.sendPlain({ target: '/orders', headers: Object.entries(headers) }))
    }
    const read = async (record: Partial<AgentRecord>, claims: Members = {}): Promise<string> =>
      ask(await startReading(record), await mint({ cnf: { jkt: prover.thumbprint }, ...claims }))

    it.each<readonly [string, Partial<AgentRecord>, string]>([
      ['that it was suspended', { state: 'suspended' }, '403 agent_suspended'],
      ['what the registry lets it do at most', { capabilities: ['orders:list'] }, '403 insufficient_scope'],
      [
        'from where it may call',
        { capabilities: ['orders:read', 'restrict:ip:192.0.2.1'] },
        '403 constraint_violation',
      ],
      ['unknown constraints', { constraints: { moon_phase: 'full' } }, '403 constraint_unknown'],
    ])('cannot shake off %s by not signing', async (_what, record, code) => {
      expect(await read(record)).toBe(code)
    })

    it('is told of by the registry, where that knows it, and by nothing else where it does not', async () => {
      const app = await startReading({ owner: 'ada@example.com' })
      const cnf = { jkt: prover.thumbprint }
      expect(await ask(app, await mint({ cnf }))).toBe('200')
      expect(await ask(app, await mint({ cnf, act: { sub: 'agt_stranger' } }))).toBe('200')
      expect(app.runs.map(({ agent }) => agent?.record)).toEqual([
        { id: 'agt_clerk', state: 'active', owner: 'ada@example.com' },
        { id: 'agt_stranger', state: 'active' },
      ])
    })

    it('cannot use a key that the registry has revoked', async () => {
      const keys = keySourceOf(agentKeyOf(clerk, { thumbprint: prover.thumbprint, state: 'revoked' }))
      const token = await mint({ cnf: { jkt: prover.thumbprint } })
      expect(await ask(await startReading({}, { keys }), token)).toBe('401 key_revoked')
    })

    it.each<readonly [AgentRecord['state'], string]>([
      ['active', '200'],
      ['suspended', '403 agent_suspended'],
    ])('acts through the one it handed on to while it is active: %s', async (state, outcome) => {
      // The key of agt_buyer is known once the application runs.
      const known: AgentKey[] = [agentKeyOf(clerk, { agent: { id: 'agt_clerk', state } })]
      const app = await startSigned({
        keys: { name: 'late', findKeys: (...asked) => keySourceOf(...known).findKeys(...asked) },
      })
      known.push(agentKeyOf(app.agent))
      const to = { agentId: 'agt_buyer', key: app.agent.publicJwk }
      const token = await handOn(to)
      expect(outcomeOf(await app.send({ target: '/orders', headers: { Authorization: `Bearer ${token}` } }))).toBe(
        outcome,
      )
    })

    it('cannot use up the room of others’ budgets by handing on ever new ones', async () => {
      const budgets = memoryBudgets({ maxCounters: 6, maxCountersPerAgent: 3 })
      const late: AgentKey[] = [agentKeyOf(clerk)]
      const keys: KeySource = { name: 'late', findKeys: (...asked) => keySourceOf(...late).findKeys(...asked) }
      const other = await createTestAgent({ agentId: 'agt_other' })
      late.push(agentKeyOf(other))
      const app = await startSigned({ keys, capabilities: { budgets } })
      late.push(agentKeyOf(app.agent))
      // A budget for other actions together is another one; each needs a counter besides that of the scope.
      const budget = (index: number): Members => {
        const actions = ['*:*', `a:${index}`]
        return { type: 'urn:agent-auth:capability:1', actions, constraints: { max_requests_per_day: 100 } }
      }
      const spend = async (agent: TestAgent, index: number): Promise<string> => {
        const to = { agentId: agent.agentId, key: agent.publicJwk }
        const headers = { Authorization: `Bearer ${await handOn(to, [budget(index)])}` }
        const signed = await agent.signRequest({ target: '/orders', headers })
        return outcomeOf(await sendRaw(app.port, rawRequest(signed)))
      }
      const made = [await spend(app.agent, 1), await spend(app.agent, 2), await spend(app.agent, 3)]
      expect(made).toEqual(['200', '200', '429 rate_limited'])
      expect([await spend(other, 11), await spend(other, 12)]).toEqual(['200', '200'])
    })

    it('cannot ask what its token allows once that has ended', async () => {
      const clock = createFakeClock()
      const app = await startReading({}, { clock, replay: memoryReplayStore({ clock, startedAt: 0 }) })
      const now = clock.wallMs() / 1000
      expect(await ask(app, await mint({ cnf: { jkt: prover.thumbprint } }, now), now)).toBe('200')
      const [agent] = app.runs.map((run) => run.agent)
      expect(agent?.can('orders:read')).toBe(true)
      clock.advance(60_000)
      expect(agent?.can('orders:read')).toBe(false)
    })
  })
}
