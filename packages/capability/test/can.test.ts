import { createFakeClock } from '@countermark/testing'
import { memoryBudgets } from '../src/budgets/memory-budgets.ts'
import { can, type KnownValues } from '../src/can.ts'
import { type CapabilityRulesOptions, capabilityRules } from '../src/capability-rules.ts'
import type { CallerFacts } from '../src/grants.ts'
import { aCaller, aDelegation, aDetail, anAgent, aView, START } from './granting.ts'

const USD = (value: number) => ({ value, currency: 'USD' })

function canDo(
  caller: CallerFacts,
  required = 'refunds:create',
  values: KnownValues = {},
  rules: CapabilityRulesOptions = {},
): boolean {
  return can(aView(caller), required, values, capabilityRules({ clock: createFakeClock(), ...rules }))
}

/** A caller whose request a guard has decided already. */
function behindGuard(caller: CallerFacts, more: object = {}): CallerFacts {
  const context = { method: 'POST', remoteAddress: '192.0.2.1', origin: 'https://api.example.com', path: '/refunds' }
  return { ...caller, capability: { used: [], context, ...more } }
}

describe('can', () => {
  it('says what an agent may do', () => {
    const agent = anAgent({ capabilities: ['dns:*:write', 'email:send'] })
    expect(canDo({ agent }, 'dns:example.com:write')).toBe(true)
    expect(canDo({ agent }, 'dns:example.com:read')).toBe(false)
  })

  it('says no without an agent', () => {
    expect(can(undefined, 'email:send')).toBe(false)
  })

  it('works without rules', () => {
    expect(can(aView({ agent: anAgent({ capabilities: ['email:send'] }) }), 'send:email')).toBe(false)
    expect(can(aView({ agent: anAgent({ capabilities: ['email:read'] }) }), 'read:email')).toBe(true)
  })

  it.each(['dns:*:write', 'dns:a:b:write', 'dns::write', 'dns:a b:write', 'dns:1h', '', 'restrict:ip:192.0.2.1'])(
    'is not talked into more by a value in the scope: %j',
    (required) => {
      const agent = anAgent({ capabilities: ['dns:example.com:write', 'dns'] })
      expect(canDo({ agent }, required)).toBe(false)
    },
  )

  it('goes by limits on the values at hand', () => {
    const caller = aCaller(aDetail({ max_amount: USD(100) }))
    expect(canDo(caller, 'refunds:create', { amount: 100, currency: 'USD' })).toBe(true)
    expect(canDo(caller, 'refunds:create', { amount: 101, currency: 'USD' })).toBe(false)
    expect(canDo(caller, 'refunds:create', { amount: '100', currency: 'USD' })).toBe(false)
    expect(canDo(caller, 'refunds:create', { amount: Number.NaN, currency: 'USD' })).toBe(false)
    expect(canDo(caller)).toBe(false)
  })

  it('ends with the token', () => {
    const of = (issuedAt: number): CallerFacts => ({
      agent: anAgent(),
      delegation: aDelegation({ scopes: ['refunds:create:1h'], issuedAt }),
    })
    expect([canDo(of(START)), canDo(of(START - 3600))]).toEqual([true, false])
  })

  it('knows the place of the request behind a guard, and not without one', () => {
    const caller = {
      agent: anAgent(),
      delegation: aDelegation({ scopes: ['refunds:create', 'restrict:ip:192.0.2.0/24'] }),
    }
    expect([canDo(behindGuard(caller)), canDo(caller)]).toEqual([true, false])
    const constrained = aCaller(aDetail({ allowed_methods: ['POST'], locations: ['https://api.example.com/refunds'] }))
    expect([canDo(behindGuard(constrained)), canDo(constrained)]).toEqual([true, false])
  })

  it('lets requests pass that the guard has counted, and no amounts without a budget store', () => {
    const rules = { budgets: memoryBudgets() }
    const values = { amount: 1, currency: 'USD' }
    expect(canDo(aCaller(aDetail({ max_requests_per_hour: 1 })), 'refunds:create', values, rules)).toBe(true)
    expect(canDo(aCaller(aDetail({ max_amount_per_day: USD(100) })), 'refunds:create', values, rules)).toBe(false)
  })

  it('says yes to what needs an approval only where this request has brought one', () => {
    const caller = aCaller(aDetail({ require_approval_for: '*' }))
    const approval = { issuer: 'https://approve.example.com', ticketId: 't' }
    expect([canDo(behindGuard(caller)), canDo(behindGuard(caller, { approval }))]).toEqual([false, true])
  })

  it('asks the host, and takes no promise for an answer', () => {
    const caller = aCaller(aDetail({ own_tickets: true }))
    const says = (answer: unknown) => ({ constraints: { own_tickets: () => answer as boolean } })
    expect(canDo(caller, 'refunds:create', {}, says(true))).toBe(true)
    for (const answer of [false, 1, Promise.resolve(true), Promise.reject(new Error('down'))]) {
      expect(canDo(caller, 'refunds:create', {}, says(answer))).toBe(false)
    }
  })

  it('says no to unknown constraints', () => {
    expect(canDo(aCaller(aDetail({ max_widgets: 1 })))).toBe(false)
  })
})
