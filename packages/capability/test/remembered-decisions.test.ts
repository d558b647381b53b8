import { type DelegationFact, isRefusal } from '@countermark/core'
import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import type { AgentRequestInput } from '../../testing/src/environment/a-request.ts'
import { body } from '../src/arguments/argument-source.ts'
import { type CapabilityRules, type CapabilityRulesOptions, capabilityRules } from '../src/capability-rules.ts'
import type { CallerFacts } from '../src/grants.ts'
import { requireCapability } from '../src/require-capability.ts'
import type { RequiredScopes } from '../src/scopes/required-scopes.ts'
import { aDelegation, aDetail, anAgent, aRefund, START } from './granting.ts'

/** A caller as it comes again and again: the same frozen objects. */
function aFrozenCaller(delegation: Partial<DelegationFact>, record: Parameters<typeof anAgent>[0] = {}): CallerFacts {
  const agent = anAgent(record)
  return {
    agent: { ...agent, record: Object.freeze(agent.record) },
    delegation: Object.freeze(aDelegation(delegation)),
  }
}

/** One guarded route, asked as often as a test likes. */
function aRoute(required: RequiredScopes = 'refunds:create', rules: CapabilityRulesOptions = {}): Route {
  const clock = createFakeClock()
  const environment = createTestEnvironment({ clock })
  const check = requireCapability(
    required,
    { amount: body('/amount'), currency: body('/currency') },
    capabilityRules(rules),
  )
  const ask = async (caller: CallerFacts, content: unknown = {}, more: AgentRequestInput = {}): Promise<string> => {
    try {
      return (await check(aRefund(content, more), caller, environment)).capability.used.join(' ')
    } catch (error) {
      if (isRefusal(error)) return error.code
      throw error
    }
  }
  return { ask, clock }
}

interface Route {
  readonly ask: (caller: CallerFacts, content?: unknown, more?: AgentRequestInput) => Promise<string>
  readonly clock: ReturnType<typeof createFakeClock>
}

describe('what was found out about a token', () => {
  it('ends with the token', async () => {
    const { ask, clock } = aRoute()
    const caller = aFrozenCaller({ expiresAt: START + 10 })
    expect(await ask(caller)).toBe('refunds:create')
    clock.advance(10_000)
    expect(await ask(caller)).toBe('token_expired')
  })

  it('ends with the duration of a scope', async () => {
    const { ask, clock } = aRoute()
    const caller = aFrozenCaller({ scopes: ['refunds:create:1h'], expiresAt: START + 86_400 })
    expect(await ask(caller)).toBe('refunds:create')
    clock.advance(3_600_000)
    expect(await ask(caller)).toBe('token_expired')
  })

  it('leaves the hours of each request to be checked', async () => {
    const { ask, clock } = aRoute()
    const limit = { operating_hours: { tz: 'UTC', days: [4], from: '00:00', to: '01:00' } }
    const caller = aFrozenCaller({ authorizationDetails: [[aDetail(limit)]], expiresAt: START + 86_400 })
    const before = await ask(caller)
    clock.advance(3_600_000)
    expect([before, await ask(caller)]).toEqual(['refunds:create', 'constraint_violation'])
  })

  it.each([
    ['of a limit', { authorizationDetails: [[aDetail({ ip_ranges_allowed: ['192.0.2.0/24'] })]] }],
    ['of a scope', { scopes: ['refunds:create', 'restrict:ip:192.0.2.0/24'] }],
  ])('leaves the address of each request to be checked, by the network %s', async (_name, given) => {
    const { ask } = aRoute()
    const caller = aFrozenCaller(given)
    const addresses = ['192.0.2.7', '198.51.100.7', '192.0.2.8', '192.0.2.8', '::ffff:198.51.100.7', 'no address']
    const answers: string[] = []
    for (const remoteAddress of addresses) answers.push(await ask(caller, {}, { remoteAddress }))
    const [inside, outside] = ['refunds:create', 'constraint_violation']
    expect(answers).toEqual([inside, outside, inside, inside, outside, outside])
  })

  it('leaves the content of each request to be checked', async () => {
    const { ask } = aRoute()
    const caller = aFrozenCaller({ authorizationDetails: [[aDetail({ max_amount: { value: 100, currency: 'USD' } })]] })
    const answers = [
      await ask(caller, { amount: 99, currency: 'USD' }),
      await ask(caller, { amount: 101, currency: 'USD' }),
    ]
    expect(answers).toEqual(['refunds:create', 'constraint_violation'])
  })

  it('leaves it to the host to check each request', async () => {
    const said = [true, false]
    const { ask } = aRoute('refunds:create', { constraints: { mood: () => said.shift() === true } })
    const caller = aFrozenCaller({ authorizationDetails: [[aDetail({ mood: 'good' })]] })
    expect([await ask(caller), await ask(caller)]).toEqual(['refunds:create', 'constraint_violation'])
  })

  it('counts for no other token, record or agent', async () => {
    const { ask } = aRoute()
    const caller = aFrozenCaller({})
    expect(await ask(caller)).toBe('refunds:create')
    const narrowed = { ...caller, agent: aFrozenCaller({}, { capabilities: ['orders:read'] }).agent }
    const other = { ...caller, delegation: Object.freeze(aDelegation({ scopes: ['orders:read'] })) }
    expect([await ask(narrowed), await ask(other), await ask(caller)]).toEqual([
      'insufficient_scope',
      'insufficient_scope',
      'refunds:create',
    ])
  })

  it('is not kept for what may change under our hands', async () => {
    const { ask } = aRoute()
    const scopes = ['refunds:create']
    const caller = { agent: anAgent(), delegation: aDelegation({ scopes }) }
    expect(await ask(caller)).toBe('refunds:create')
    scopes[0] = 'orders:read'
    expect(await ask(caller)).toBe('insufficient_scope')
  })
})

describe('rules spread into others', () => {
  it('share nothing that was found out by them', async () => {
    const environment = createTestEnvironment({ clock: createFakeClock() })
    const caller = aFrozenCaller({ scopes: ['refunds:create'] }, { capabilities: Object.freeze(['refunds:read']) })
    const rules = capabilityRules()
    const ask = async (each: CapabilityRules) =>
      requireCapability('refunds:create', {}, each)(aRefund({}), caller, environment)
    await expect(ask({ ...rules, ceiling: 'off' })).resolves.toBeDefined()
    await expect(ask(rules)).rejects.toMatchObject({ code: 'insufficient_scope' })
  })
})
