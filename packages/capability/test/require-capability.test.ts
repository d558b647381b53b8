import { defineCheck, type Refusal } from '@countermark/core'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { body } from '../src/arguments/argument-source.ts'
import { capabilityRules } from '../src/capability-rules.ts'
import { requireCapability } from '../src/require-capability.ts'
import { aCaller, aDelegation, aDetail, anAgent, aRefund, ask, outcomeOf, START } from './granting.ts'

const ZONE = { template: '/zones/:zone', parameters: { zone: 'zone_123' } }

describe('requireCapability', () => {
  describe('without a token', () => {
    it('goes by what the registry says of the agent', async () => {
      const caller = { agent: anAgent({ capabilities: ['refunds:create'] }) }
      expect(await ask({ caller })).toMatchObject({ used: ['refunds:create'] })
      expect(await outcomeOf({ caller, required: 'refunds:delete' })).toBe('insufficient_scope')
    })

    it('refuses an agent of which the registry says nothing', async () => {
      expect(await outcomeOf({ caller: { agent: anAgent() } })).toBe('insufficient_scope')
    })

    it('takes no scope that has a duration: nothing would end it', async () => {
      const caller = { agent: anAgent({ capabilities: ['refunds:create:1h'] }) }
      expect(await outcomeOf({ caller })).toBe('insufficient_scope')
    })

    it('knows roles, one step deep', async () => {
      const rules = { roles: { clerk: ['refunds:create', 'role:boss'], boss: ['refunds:delete'] } }
      const caller = { agent: anAgent({ capabilities: ['role:clerk', 'role:nobody'] }) }
      expect(await outcomeOf({ caller, rules })).toBe('allowed')
      expect(await outcomeOf({ caller, rules, required: 'refunds:delete' })).toBe('insufficient_scope')
    })
  })

  describe('with a token', () => {
    const token = aDelegation()

    it('goes by the token where the registry says nothing', async () => {
      expect(await outcomeOf({ caller: { agent: anAgent(), delegation: token } })).toBe('allowed')
    })

    it('is cut to what the registry allows', async () => {
      const caller = { agent: anAgent({ capabilities: ['orders:read'] }), delegation: token }
      expect(await outcomeOf({ caller })).toBe('insufficient_scope')
      expect(await outcomeOf({ caller, rules: { ceiling: 'off' } })).toBe('allowed')
    })

    it('adds nothing of the registry to the token', async () => {
      const caller = { agent: anAgent({ capabilities: ['*:*'] }), delegation: token }
      expect(await outcomeOf({ caller, required: 'orders:read' })).toBe('insufficient_scope')
    })

    it('asks for a word of the registry when told to', async () => {
      const rules = { ceiling: 'required' } as const
      expect(await outcomeOf({ caller: { agent: anAgent(), delegation: token }, rules })).toBe('insufficient_scope')
    })

    it("does not take a role for a scope: roles are the registry's", async () => {
      const delegation = aDelegation({ scopes: ['role:clerk'] })
      const rules = { roles: { clerk: ['refunds:create'] } }
      expect(await outcomeOf({ caller: { agent: anAgent(), delegation }, rules })).toBe('insufficient_scope')
    })

    it('ends with the shortest duration among its scopes, used or not', async () => {
      const delegation = aDelegation({ scopes: ['refunds:create', 'storage:read:1h'], issuedAt: START - 3600 })
      expect(await outcomeOf({ caller: { agent: anAgent(), delegation } })).toBe('token_expired')
      const younger = { ...delegation, issuedAt: START - 3599 }
      expect(await outcomeOf({ caller: { agent: anAgent(), delegation: younger } })).toBe('allowed')
    })

    it('that was handed on is bound by every piece of its chain', async () => {
      const answer = (scopes: readonly string[], issuedAt = START): Promise<string> => {
        const links = [
          { scopes, issuedAt },
          { scopes: ['refunds:create'], issuedAt: START },
        ]
        return outcomeOf({ caller: { agent: anAgent(), delegation: aDelegation({ links, issuedAt }) } })
      }
      expect(await answer(['refunds:*'])).toBe('allowed')
      expect(await answer(['orders:read'])).toBe('insufficient_scope')
      expect(await answer(['refunds:create:1h'], START - 3600)).toBe('token_expired')
      expect(await answer(['refunds:create', 'restrict:ip:203.0.113.1'])).toBe('constraint_violation')
      expect(await answer(['refunds:create', 'restrict:country:DE'])).toBe('constraint_unknown')
    })

    it('counts the duration of a piece from when that piece was issued', async () => {
      const links = [
        { scopes: ['refunds:create'], issuedAt: START - 7200 },
        { scopes: ['refunds:create:1h'], issuedAt: START - 60 },
      ]
      const delegation = aDelegation({ links, issuedAt: START - 7200 })
      expect(await outcomeOf({ caller: { agent: anAgent(), delegation } })).toBe('allowed')
    })

    it('ends with a duration that the registry states', async () => {
      const agent = anAgent({ capabilities: ['refunds:create:30m'] })
      const delegation = aDelegation({ issuedAt: START - 1800 })
      expect(await outcomeOf({ caller: { agent, delegation } })).toBe('token_expired')
    })
  })

  describe('parameters of the route', () => {
    const caller = { agent: anAgent({ capabilities: ['dns:zone_123:write'] }) }

    it('are part of the scope', async () => {
      const request = aRequest({ route: ZONE })
      expect(await ask({ caller, required: 'dns:{zone}:write', request })).toMatchObject({
        used: ['dns:zone_123:write'],
      })
    })

    it('are left as the route declares them for metrics', async () => {
      const request = aRequest({ route: ZONE })
      expect(await ask({ caller, required: 'dns:{zone}:write', request })).toMatchObject({
        declared: ['dns:{zone}:write'],
      })
    })

    it.each(['zone_124', '*', 'zone_123:write', '', 'ZONE_123', 'zone_123 '])('cannot be %j instead', async (zone) => {
      const request = aRequest({ route: { ...ZONE, parameters: { zone } } })
      expect(await outcomeOf({ caller, required: 'dns:{zone}:write', request })).toBe('insufficient_scope')
    })

    it('must be there: a guard in the wrong place is our fault', async () => {
      expect(await outcomeOf({ caller, required: 'dns:{zone}:write', request: aRequest({}) })).toBe('config_error')
    })
  })

  describe('several scopes', () => {
    const caller = { agent: anAgent({ capabilities: ['a:one', 'b:two'] }) }

    it('may all be wanted', async () => {
      expect(await ask({ caller, required: { allOf: ['a:one', 'b:two'] } })).toMatchObject({ used: ['a:one', 'b:two'] })
      expect(await outcomeOf({ caller, required: { allOf: ['a:one', 'c:three'] } })).toBe('insufficient_scope')
    })

    it('may be alternatives', async () => {
      expect(await ask({ caller, required: { anyOf: ['c:three', 'b:two'] } })).toMatchObject({ used: ['b:two'] })
      expect(await outcomeOf({ caller, required: { anyOf: ['c:three', 'd:four'] } })).toBe('insufficient_scope')
    })

    it('may be alternatives of which one is within its limits', async () => {
      const delegation = aDelegation({
        scopes: ['refunds:create', 'refunds:admin'],
        authorizationDetails: [[aDetail({ max_amount: { value: 1, currency: 'USD' } })]],
      })
      const sources = { amount: body('/amount'), currency: 'USD' }
      const input = { caller: { agent: anAgent(), delegation }, sources, request: aRefund({ amount: 2 }) }
      expect(await ask({ ...input, required: { anyOf: ['refunds:create', 'refunds:admin'] } })).toMatchObject({
        used: ['refunds:admin'],
      })
      expect(await outcomeOf({ ...input, required: { anyOf: ['refunds:create', 'x:y'] } })).toBe('constraint_violation')
    })
  })

  describe('the challenge', () => {
    const tokenCheck = defineCheck({ name: 'token', needs: [], adds: ['delegation'] }, () => ({}))

    async function challengeOf(input: Parameters<typeof ask>[0], guarded = false): Promise<readonly unknown[]> {
      const check = requireCapability(input.required ?? 'refunds:create', {}, capabilityRules(input.rules))
      if (guarded)
        check.description?.inspect?.({ checks: [tokenCheck.description, check.description].flatMap((d) => d ?? []) })
      const request = aRequest({})
      const environment = createTestEnvironment()
      const refused = await Promise.resolve()
        .then(() => check(request, input.caller ?? { agent: anAgent() }, environment))
        .then(
          () => {
            throw new Error('not refused')
          },
          (refusal: Refusal) => refusal,
        )
      return check.description?.challenge?.({ refusal: refused, request, environment, nonce: undefined }) ?? []
    }

    it('names all scopes that are missing, where the caller came with a token', async () => {
      const caller = { agent: anAgent(), delegation: aDelegation({ scopes: ['a:one'] }) }
      expect(await challengeOf({ caller, required: { allOf: ['a:one', 'b:two', 'c:three'] } })).toEqual([
        ['WWW-Authenticate', 'Bearer realm="api.example.com", error="insufficient_scope", scope="a:one b:two c:three"'],
      ])
    })

    it('names scopes as the route writes them, and what earlier checks of the request asked for', async () => {
      const caller = {
        agent: anAgent(),
        delegation: aDelegation({ scopes: ['orders.read'] }),
        capability: { used: ['orders:read'], asked: ['orders.read'] },
      }
      expect(await challengeOf({ caller, required: { allOf: ['pr.create', 'read:records'] } })).toEqual([
        [
          'WWW-Authenticate',
          'Bearer realm="api.example.com", error="insufficient_scope", scope="orders.read pr.create read:records"',
        ],
      ])
    })

    it('asks for another token where this one has ended, in a guard that checks no tokens itself', async () => {
      const delegation = aDelegation({ scopes: ['refunds:create:30s'], issuedAt: START - 60 })
      expect(await challengeOf({ caller: { agent: anAgent(), delegation } })).toEqual([
        [
          'WWW-Authenticate',
          'Bearer realm="api.example.com", error="invalid_token", error_description="token_expired"',
        ],
      ])
    })

    it('names the first alternative, which is the one to ask for', async () => {
      const caller = { agent: anAgent(), delegation: aDelegation() }
      expect(await challengeOf({ caller, required: { anyOf: ['b:two', 'b:admin'] } })).toEqual([
        ['WWW-Authenticate', 'Bearer realm="api.example.com", error="insufficient_scope", scope="b:two"'],
      ])
    })

    it('speaks of DPoP to a token that is bound by it', async () => {
      const caller = { agent: anAgent(), delegation: aDelegation({ scopes: [], binding: 'jkt' }) }
      expect(await challengeOf({ caller })).toEqual([
        ['WWW-Authenticate', 'DPoP realm="api.example.com", error="insufficient_scope", scope="refunds:create"'],
      ])
    })

    it('is made where the same guard takes tokens, and says where to get one', async () => {
      const rules = { resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource' }
      const value = 'Bearer realm="api.example.com", error="insufficient_scope", scope="refunds:create"'
      expect(await challengeOf({}, true)).toEqual([['WWW-Authenticate', value]])
      expect(await challengeOf({ rules })).toEqual([
        ['WWW-Authenticate', `${value}, resource_metadata="${rules.resourceMetadata}"`],
      ])
    })

    it('is not made where no tokens are taken', async () => {
      expect(await challengeOf({})).toEqual([])
    })

    it('is not made where the registry says no: another token would not help', async () => {
      const caller = { agent: anAgent({ capabilities: [] }), delegation: aDelegation() }
      expect(await challengeOf({ caller })).toEqual([])
    })
  })

  describe('a mistake of the programmer', () => {
    it.each([
      ['/zones/:id', 'config_error'],
      ['/zone', 'config_error'],
      ['/zones/:zoneId', 'config_error'],
      ['/zones{/:zone}', 'insufficient_scope'],
      ['/zones/:zone', 'insufficient_scope'],
      ['/zones/*zone', 'insufficient_scope'],
      ['/zones/(?<zone>[a-z]+)', 'insufficient_scope'],
    ])('is a scope with a parameter that the route has not: {zone} on %s', async (template, outcome) => {
      const request = aRequest({ route: { template, parameters: {} } })
      expect(await outcomeOf({ caller: aCaller(), required: 'dns:{zone}:write', request })).toBe(outcome)
    })

    it.each([
      ['storage:read:1h'],
      ['restrict:ip:192.0.2.1'],
      [''],
      [{ anyOf: [] }],
      [{ allOf: ['a b'] }],
      [{ anyOf: ['a:b'], allOf: ['a:b'] }],
      [{ oneOf: ['a:b'] }],
      [undefined],
    ])('does not start: wanted %j', (required) => {
      expect(() => requireCapability(required as never)).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
    })

    it.each([
      [{ Amount: 'x' }],
      [{ amount: 7 }],
      [{ amount: null }],
      [{ amount: { kind: 'header', name: 'x' } }],
      [[]],
    ])('does not start: values %j', (sources) => {
      expect(() => requireCapability('a:b', sources as never)).toThrow(
        expect.objectContaining({ name: 'Misconfigured' }),
      )
    })

    it.each([
      [{ ceilings: 'off' }],
      [{ ceiling: 'none' }],
      [{ constraints: { max_amount: () => true } }],
      [{ constraints: { own_tickets: true } }],
      [{ constraints: { 'own tickets': () => true } }],
      [{ budgets: {} }],
      [{ roles: { clerk: 'refunds:create' } }],
      [{ resourceMetadata: 'https://a.example/"' }],
      [{ approvals: { issuer: 'x' } }],
    ])('does not start: rules %j', (rules) => {
      expect(() => capabilityRules(rules as never)).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
    })
  })

  it('adds to what an earlier check of the same request established', async () => {
    const caller = { ...aCaller(), capability: { used: ['orders:read'] } }
    expect(await ask({ caller })).toMatchObject({ used: ['orders:read', 'refunds:create'] })
  })

  it('answers at once when nothing has to be waited for', () => {
    const check = requireCapability('refunds:create', { amount: body('/amount'), currency: 'USD' })
    const caller = aCaller(aDetail({ max_amount: { value: 100, currency: 'USD' }, operating_hours: '24/7' }))
    expect(check(aRefund({ amount: 100 }), caller, createTestEnvironment())).toMatchObject({
      capability: { used: ['refunds:create'] },
    })
  })

  it('reads no body for a grant without limits', async () => {
    const request = { ...aRefund({}), body: () => Promise.reject(new Error('the body was read')) }
    expect(await outcomeOf({ caller: aCaller(), request, sources: { amount: body('/amount') } })).toBe('allowed')
  })
})
