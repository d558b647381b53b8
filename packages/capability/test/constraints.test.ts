import { beginRehearsal } from '@countermark/core/internal'
import { createFakeClock } from '@countermark/testing'
import { body, notUsed, param, query } from '../src/arguments/argument-source.ts'
import { memoryBudgets } from '../src/budgets/memory-budgets.ts'
import { aCaller, aDelegation, aDetail, anAgent, aRefund, ask, outcomeOf } from './granting.ts'

const AMOUNT = { amount: body('/amount'), currency: body('/currency') }
const USD_100 = { value: 10_000, currency: 'USD' }

/** The outcome of a refund under one limit. */
function underLimit(constraints: unknown, sent: unknown, sources: object = AMOUNT): Promise<string> {
  return outcomeOf({ caller: aCaller(aDetail(constraints)), sources: sources as never, request: aRefund(sent) })
}

describe('an amount', () => {
  it.each([
    [{ amount: 10_000, currency: 'USD' }],
    [{ amount: 0, currency: 'USD' }],
    [{ amount: 1e4, currency: 'USD' }],
  ])('of %j is within $100', async (sent) => {
    expect(await underLimit({ max_refund_amount: USD_100 }, sent)).toBe('allowed')
  })

  it.each([
    ['10001', '{"amount":10001,"currency":"USD"}'],
    ['none at all', '{"currency":"USD"}'],
    ['null', '{"amount":null,"currency":"USD"}'],
    ['below zero', '{"amount":-1,"currency":"USD"}'],
    ['digits in quotes', '{"amount":"100","currency":"USD"}'],
    ['half a cent', '{"amount":100.5,"currency":"USD"}'],
    ['more than a double holds', '{"amount":1e400,"currency":"USD"}'],
    ['more than a double holds exactly', '{"amount":9007199254740993,"currency":"USD"}'],
    ['a list', '{"amount":[100],"currency":"USD"}'],
    ['an object', '{"amount":{"value":100},"currency":"USD"}'],
    ['true', '{"amount":true,"currency":"USD"}'],
    ['NaN', '{"amount":NaN,"currency":"USD"}'],
    ['hexadecimal', '{"amount":0x64,"currency":"USD"}'],
    ['twice', '{"amount":1,"amount":999999,"currency":"USD"}'],
    ['twice, once in disguise', '{"amount":1,"\\u0061mount":999999,"currency":"USD"}'],
    ['of another currency', '{"amount":100,"currency":"EUR"}'],
    ['without a currency', '{"amount":100}'],
    ['in a currency that is a list', '{"amount":100,"currency":["USD"]}'],
    ['on a prototype', '{"__proto__":{"amount":100},"currency":"USD"}'],
    ['in a list', '[{"amount":100,"currency":"USD"}]'],
    ['in text that is no JSON', 'amount=100&currency=USD'],
    ['in nothing', ''],
    ['behind a byte order mark', '\u{FEFF}{"amount":100,"currency":"USD"}'],
    ['in a tower of lists', `{"amount":100,"currency":"USD","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('%s is refused', async (_name, sent) => {
    expect(await underLimit({ max_refund_amount: USD_100 }, sent)).toBe('constraint_violation')
  })

  it('is refused on a route that does not say where it stands', async () => {
    expect(await underLimit({ max_amount: USD_100 }, { amount: 1, currency: 'USD' }, {})).toBe('constraint_violation')
    expect(await underLimit({ max_amount: USD_100 }, { amount: 1 }, { amount: body('/amount') })).toBe(
      'constraint_violation',
    )
  })

  it('cannot be argued away by the route where the grant is about this action', async () => {
    expect(await underLimit({ max_amount: USD_100 }, {}, { amount: notUsed() })).toBe('constraint_violation')
  })

  it.each(
    ['100', '10000', '{"value":10000}', '{"value":"10000","currency":"USD"}', '{"value":-1,"currency":"USD"}'].concat([
      '{"value":1.5,"currency":"USD"}',
      '{"value":1,"currency":"usd"}',
      '{"value":1,"currency":"USD","x":1}',
      'null',
      '[]',
    ]),
  )('limited to %s is not understood', async (limit) => {
    expect(await underLimit({ max_amount: JSON.parse(limit) }, { amount: 1, currency: 'USD' })).toBe(
      'constraint_unknown',
    )
  })

  it('may stand in the query or the path, in digits', async () => {
    const caller = aCaller(aDetail({ max_amount: USD_100 }))
    const request = (target: string, amount: string) =>
      aRefund({}, { target, route: { template: '/:amount', parameters: { amount } } })
    const ofQuery = { amount: query('amount'), currency: 'USD' }
    const ofPath = { amount: param('amount'), currency: 'USD' }
    expect(await outcomeOf({ caller, sources: ofQuery, request: request('/?amount=10000', '') })).toBe('allowed')
    expect(await outcomeOf({ caller, sources: ofPath, request: request('/', '10000') })).toBe('allowed')
    for (const wrong of ['10001', '010', '1e3', '+1', '-1', '1.0', ' 1', '0x1', '', '99999999999999999']) {
      expect([wrong, await outcomeOf({ caller, sources: ofPath, request: request('/', wrong) })]).toEqual([
        wrong,
        'constraint_violation',
      ])
    }
  })
})

describe('a limit', () => {
  it.each([
    [{ max_widgets: 3 }],
    [{ MAX_AMOUNT: USD_100 }],
    [{ max_amount_per_week: USD_100 }],
    [{ toString: 1 }],
    [{ '': 1 }],
    ['max_amount'],
    [['max_amount']],
    [null],
    [7],
  ])('that is unknown refuses: %j', async (constraints) => {
    expect(await underLimit(constraints, { amount: 1, currency: 'USD' })).toBe('constraint_unknown')
  })

  it('is named to the caller, whose token holds it', async () => {
    const refusal = await ask({ caller: aCaller(aDetail({ max_widgets: 3 })) })
    expect(refusal).toMatchObject({ code: 'constraint_unknown', members: { constraint: 'max_widgets' } })
  })

  it('of the registry is not named to the caller', async () => {
    const agent = anAgent({ capabilities: ['refunds:create'], constraints: { max_widgets: 3 } })
    const refusal = await ask({ caller: { agent } })
    expect(refusal).toMatchObject({ code: 'constraint_unknown', members: {}, diagnosis: { constraint: 'max_widgets' } })
    expect((refusal as unknown as Error).message).not.toContain('max_widgets')
  })

  it.each([
    ['currency', 'USD', { currency: 'USD' }, { currency: 'EUR' }],
    ['currency', ['USD', 'EUR'], { currency: 'EUR' }, { currency: 'GBP' }],
    ['regions_allowed', ['eu', 'us'], { regions: 'eu' }, { regions: 'cn' }],
    ['regions_allowed', ['eu', 'us'], { regions: ['eu', 'us'] }, { regions: ['eu', 'cn'] }],
    ['regions_blocked', ['cn'], { regions: 'eu' }, { regions: ['eu', 'cn'] }],
    ['datatypes', ['invoice'], { datatype: 'invoice' }, { datatype: 'salary' }],
    ['privileges', ['clerk'], { privilege: 'clerk' }, { privilege: 'boss' }],
    ['identifier', 'order:1', { identifier: 'order:1' }, { identifier: 'order:2' }],
  ])('%s: %j lets %j pass and not %j', async (name, limit, good, bad) => {
    const sources = Object.fromEntries(Object.keys(good).map((key) => [key, body(`/${key}`)]))
    expect(await underLimit({ [name]: limit }, good, sources)).toBe('allowed')
    expect(await underLimit({ [name]: limit }, bad, sources)).toBe('constraint_violation')
    expect(await underLimit({ [name]: limit }, {}, sources)).toBe('constraint_violation')
    expect(await underLimit({ [name]: limit }, good, {})).toBe('constraint_violation')
  })

  it.each([
    'currency',
    'regions_allowed',
    'regions_blocked',
    'datatypes',
    'privileges',
    'locations',
    'allowed_methods',
  ])('%s that is an empty or mixed list is not understood', async (name) => {
    for (const limit of [[], ['a', 1], {}, 7, null]) {
      expect(await underLimit({ [name]: limit }, {})).toBe('constraint_unknown')
    }
  })

  it('may be on methods, which are case-sensitive', async () => {
    expect(await underLimit({ allowed_methods: ['POST'] }, {})).toBe('allowed')
    expect(await underLimit({ allowed_methods: ['GET', 'post'] }, {})).toBe('constraint_violation')
  })

  it('may be on how often rights are handed on, which the check of tokens enforces', async () => {
    expect(await outcomeOf({ caller: aCaller(aDetail({ max_depth: 0 })) })).toBe('allowed')
    expect(await outcomeOf({ caller: aCaller(aDetail({ max_depth: 1.5 })) })).toBe('constraint_unknown')
  })

  it.each([
    [['https://api.example.com'], 'allowed'],
    [['https://api.example.com/refunds'], 'allowed'],
    [['https://API.example.com:443/'], 'allowed'],
    [['https://elsewhere.example', 'https://api.example.com'], 'allowed'],
    [['https://api.example.com/refund'], 'constraint_violation'],
    [['http://api.example.com'], 'constraint_violation'],
    [['https://api.example.com.evil.example'], 'constraint_violation'],
    [['https://api.example.com@evil.example'], 'constraint_violation'],
    [['api.example.com'], 'constraint_violation'],
  ])('may be on the place: %j', async (locations, outcome) => {
    expect(await outcomeOf({ caller: aCaller(aDetail({}, { locations })), request: aRefund({}) })).toBe(outcome)
  })
})

describe('time', () => {
  it.each([
    [{ start: '2026-01-01T00:00:00Z', end: '2026-01-01T00:00:01Z' }, 'allowed'],
    [{ start: '2026-01-01T01:00:00+01:00' }, 'allowed'],
    [{ end: '2026-01-01T00:00:00Z' }, 'constraint_violation'],
    [{ start: '2026-01-01T00:00:00.001Z' }, 'constraint_violation'],
    [{ start: '2026-01-01' }, 'constraint_unknown'],
    [{ start: '2025-02-30T00:00:00Z' }, 'constraint_unknown'],
    [{ start: 1_767_225_600 }, 'constraint_unknown'],
    [{ from: '2026-01-01T00:00:00Z' }, 'constraint_unknown'],
    [{}, 'constraint_unknown'],
    [null, 'constraint_unknown'],
  ])('in the window %j: %s', async (window, outcome) => {
    expect(await underLimit({ time_window: window }, {})).toBe(outcome)
  })
})

describe('limits of everything that an agent does', () => {
  const agent = anAgent({ capabilities: ['*:*'], constraints: { max_amount: USD_100 } })

  it('hold where the route has the value', async () => {
    const input = { caller: { agent }, sources: AMOUNT }
    expect(await outcomeOf({ ...input, request: aRefund({ amount: 10_000, currency: 'USD' }) })).toBe('allowed')
    expect(await outcomeOf({ ...input, request: aRefund({ amount: 10_001, currency: 'USD' }) })).toBe(
      'constraint_violation',
    )
    expect(await outcomeOf({ ...input, request: aRefund({}) })).toBe('constraint_violation')
  })

  it('refuse what changes something on a route that does not say whether it has the value', async () => {
    expect(await outcomeOf({ caller: { agent } })).toBe('constraint_violation')
  })

  it('are not about a route that says it has no such value, nor about one that only reads', async () => {
    expect(await outcomeOf({ caller: { agent }, sources: { amount: notUsed() } })).toBe('allowed')
    expect(await outcomeOf({ caller: { agent }, request: { method: 'GET' } })).toBe('allowed')
  })

  it('hold together with those of a token', async () => {
    const limit = { max_amount: { value: 5000, currency: 'USD' } }
    const delegation = aDelegation({ authorizationDetails: [[aDetail(limit)]] })
    const input = { caller: { agent, delegation }, sources: AMOUNT }
    expect(await outcomeOf({ ...input, request: aRefund({ amount: 5000, currency: 'USD' }) })).toBe('allowed')
    expect(await outcomeOf({ ...input, request: aRefund({ amount: 5001, currency: 'USD' }) })).toBe(
      'constraint_violation',
    )
  })
})

describe('authorization_details', () => {
  const small = aDetail({ max_amount: { value: 10, currency: 'USD' } })
  const large = aDetail({ max_amount: USD_100 })
  const request = aRefund({ amount: 100, currency: 'USD' })

  it('in one token are alternatives', async () => {
    expect(await outcomeOf({ caller: aCaller(small, large), sources: AMOUNT, request })).toBe('allowed')
  })

  it('of several links must all allow', async () => {
    const delegation = aDelegation({ authorizationDetails: [[large], [small]] })
    expect(await outcomeOf({ caller: { agent: anAgent(), delegation }, sources: AMOUNT, request })).toBe(
      'constraint_violation',
    )
  })

  it('are about the actions that they name', async () => {
    const other = { ...small, actions: ['orders:read'] }
    const all = { ...small, actions: ['*:*'] }
    const alias = { ...small, actions: ['refunds.create'] }
    expect(await outcomeOf({ caller: aCaller(other), sources: AMOUNT, request })).toBe('allowed')
    expect(await outcomeOf({ caller: aCaller(all), sources: AMOUNT, request })).toBe('constraint_violation')
    expect(await outcomeOf({ caller: aCaller(alias), sources: AMOUNT, request })).toBe('constraint_violation')
  })

  it('without actions are about all of them', async () => {
    const { actions: _, ...unnamed } = small
    expect(await outcomeOf({ caller: aCaller(unnamed), sources: AMOUNT, request })).toBe('constraint_violation')
  })

  it.each([
    [{ actions: 'refunds:create' }],
    [{ actions: [7] }],
    [{ actions: ['refunds create'] }],
    [{ constraint: {} }],
    [{ type: 'payment_initiation' }],
    [{ type: 'payment_initiation', locations: ['https://api.example.com/'] }],
  ])('that cannot be understood refuse: %j', async (more) => {
    expect(await outcomeOf({ caller: aCaller(aDetail({}, more)) })).toBe('constraint_unknown')
  })

  it('of another type are passed over where they are about another service', async () => {
    const elsewhere = { type: 'payment_initiation', locations: ['https://bank.example/'] }
    const ignored = { type: 'payment_initiation' }
    expect(await outcomeOf({ caller: aCaller(elsewhere) })).toBe('allowed')
    const rules = { ignoredDetailTypes: ['payment_initiation'] }
    expect(await outcomeOf({ caller: aCaller(ignored), rules })).toBe('allowed')
  })

  it('grant nothing that the scopes do not', async () => {
    const delegation = aDelegation({ scopes: ['orders:read'], authorizationDetails: [[large]] })
    expect(await outcomeOf({ caller: { agent: anAgent(), delegation } })).toBe('insufficient_scope')
  })

  it('are about a resource that the route names', async () => {
    const detail = aDetail({}, { identifier: 'order:12345' })
    const route = (order: string) => ({ route: { template: '/orders/:order', parameters: { order } } })
    const sources = { identifier: 'order:{order}' }
    expect(await outcomeOf({ caller: aCaller(detail), sources, request: aRefund({}, route('12345')) })).toBe('allowed')
    for (const order of ['12346', '', '12345:x', 'x:12345']) {
      expect(await outcomeOf({ caller: aCaller(detail), sources, request: aRefund({}, route(order)) })).toBe(
        'constraint_violation',
      )
    }
  })
})

describe('constraints that the host checks', () => {
  const caller = aCaller(aDetail({ own_tickets: true }))
  const asked: unknown[] = []
  const rules = (answer: unknown) => ({
    constraints: {
      own_tickets: ({
        limit,
        scope,
        agent,
        argument,
      }: {
        limit: unknown
        scope: string
        agent: { id: string }
        argument: (name: string) => unknown
      }) => {
        asked.push([limit, scope, agent.id, argument('ticket'), argument('nothing')])
        return answer as boolean
      },
    },
  })

  it('hold by what the host says', async () => {
    const sources = { ticket: body('/ticket') }
    const request = aRefund({ ticket: 'T-1' })
    expect(await outcomeOf({ caller, rules: rules(true), sources, request })).toBe('allowed')
    expect(asked).toEqual([[true, 'refunds:create', 'agt_buyer', 'T-1', undefined]])
    expect(await outcomeOf({ caller, rules: rules(Promise.resolve(true)), sources, request })).toBe('allowed')
  })

  it.each([false, undefined, null, 1, 'true', {}])('hold for nothing but true: %j', async (answer) => {
    expect(await outcomeOf({ caller, rules: rules(answer) })).toBe('constraint_violation')
    expect(await outcomeOf({ caller, rules: rules(Promise.resolve(answer)) })).toBe('constraint_violation')
  })

  it('are unknown without the host', async () => {
    expect(await outcomeOf({ caller })).toBe('constraint_unknown')
  })

  it('are not asked about when something else refuses', async () => {
    asked.length = 0
    const refused = aCaller(aDetail({ own_tickets: true, allowed_methods: ['GET'] }))
    expect([await outcomeOf({ caller: refused, rules: rules(true) }), asked]).toEqual(['constraint_violation', []])
  })

  it('leave the next alternative to be tried', async () => {
    const both = aCaller(aDetail({ own_tickets: true }), aDetail({ currency: 'USD' }))
    expect(await outcomeOf({ caller: both, rules: rules(false), sources: { currency: 'USD' } })).toBe('allowed')
  })
})

describe('an attacker at a limit on the place', () => {
  const locations = ['https://api.example.com/refunds']
  it.each(['..', '.', '%2e%2e', '%2E.', '..%2f..', '%2e%2e%5c', '..;x=1'])('gets nowhere by %s', async (segment) => {
    const request = aRefund({}, { target: `/refunds/${segment}/admin` })
    expect(await outcomeOf({ caller: aCaller(aDetail({}, { locations })), request })).toBe('constraint_violation')
  })

  it('cannot pass a detail of another type off as one about another place', async () => {
    const foreign = { type: 'payment_initiation', locations: ['https://api.example.com/admin'] }
    const request = aRefund({}, { target: '/refunds/../admin' })
    expect(await outcomeOf({ caller: aCaller(foreign), request })).toBe('constraint_unknown')
  })

  it('is not taken for one by dots in a name', async () => {
    const request = aRefund({}, { target: '/refunds/a..b/...' })
    expect(await outcomeOf({ caller: aCaller(aDetail({}, { locations })), request })).toBe('allowed')
  })
})

describe('budgets', () => {
  it('are used up, named as a rate, and come back', async () => {
    const clock = createFakeClock()
    const rules = { budgets: memoryBudgets() }
    const input = { caller: aCaller(aDetail({ max_requests_per_minute: 2 })), rules, clock }
    expect([await outcomeOf(input), await outcomeOf(input)]).toEqual(['allowed', 'allowed'])
    expect(await ask(input)).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 61 })
    clock.advance(61_000)
    expect(await outcomeOf(input)).toBe('allowed')
  })

  it('of amounts add up', async () => {
    const input = {
      caller: aCaller(aDetail({ max_amount_per_day: USD_100 })),
      rules: { budgets: memoryBudgets() },
      sources: AMOUNT,
    }
    const refund = (amount: number) => outcomeOf({ ...input, request: aRefund({ amount, currency: 'USD' }) })
    expect([await refund(6000), await refund(4001), await refund(4000), await refund(1), await refund(10_001)]).toEqual(
      ['allowed', 'rate_limited', 'allowed', 'rate_limited', 'constraint_violation'],
    )
  })

  it('are given back by a handler that did not do the work, once', async () => {
    const input = { caller: aCaller(aDetail({ max_requests_per_hour: 1 })), rules: { budgets: memoryBudgets() } }
    const fact = await ask(input)
    if ('code' in fact) throw new Error('refused')
    await fact.release?.()
    await fact.release?.()
    expect([await outcomeOf(input), await outcomeOf(input)]).toEqual(['allowed', 'rate_limited'])
  })

  it('stay as they are where a command only asks', async () => {
    const input = { caller: aCaller(aDetail({ max_requests_per_hour: 1 })), rules: { budgets: memoryBudgets() } }
    const rehearse = async () => {
      const end = beginRehearsal()
      const answer = ask(input)
      end()
      return answer
    }
    expect([await rehearse(), await rehearse()]).toMatchObject(new Array(2).fill({ used: ['refunds:create'] }))
    expect(await outcomeOf(input)).toBe('allowed')
    expect(await rehearse()).toMatchObject({ code: 'rate_limited' })
  })

  it('are one with all to whom the rights were handed on', async () => {
    const rules = { budgets: memoryBudgets() }
    const root = { id: 'agt_buyer', issuer: undefined }
    const grant = [aDetail({ max_requests_per_hour: 2 })]
    const own = aDelegation({ authorizationDetails: [grant] })
    const handed = (id: string) =>
      aDelegation({ actor: { id, issuer: undefined }, priorActors: [root], authorizationDetails: [grant, grant] })
    const outcomes = [own, handed('agt_one'), handed('agt_two')].map((delegation) =>
      outcomeOf({ caller: { agent: anAgent({ id: delegation.actor.id }), delegation }, rules }),
    )
    expect(await Promise.all(outcomes)).toEqual(['allowed', 'allowed', 'rate_limited'])
  })

  it("are each user's own", async () => {
    const rules = { budgets: memoryBudgets() }
    const of = (subject: string) =>
      outcomeOf({
        caller: {
          agent: anAgent(),
          delegation: aDelegation({ subject, authorizationDetails: [[aDetail({ max_requests_per_hour: 1 })]] }),
        },
        rules,
      })
    expect([await of('user_1'), await of('user_2'), await of('user_1')]).toEqual(['allowed', 'allowed', 'rate_limited'])
  })

  it('cost nothing when the request is refused for something else', async () => {
    const rules = { budgets: memoryBudgets() }
    const caller = aCaller(aDetail({ max_requests_per_hour: 1, max_amount: USD_100 }))
    const refund = (amount: number) =>
      outcomeOf({ caller, rules, sources: AMOUNT, request: aRefund({ amount, currency: 'USD' }) })
    expect([await refund(20_000), await refund(1)]).toEqual(['constraint_violation', 'allowed'])
  })

  it('without anything that counts are our fault', async () => {
    expect(await outcomeOf({ caller: aCaller(aDetail({ max_requests_per_hour: 1 })) })).toBe('config_error')
  })

  it.each([0, -1, 1.5, '5', null, {}])('of %j let nothing pass', async (limit) => {
    const caller = aCaller(aDetail({ max_requests_per_hour: limit }))
    const outcome = limit === 0 ? 'constraint_violation' : 'constraint_unknown'
    expect(await outcomeOf({ caller, rules: { budgets: memoryBudgets() } })).toBe(outcome)
  })

  it('are refused by the store that is full', async () => {
    const rules = { budgets: memoryBudgets({ maxCounters: 1 }) }
    const first = aCaller(aDetail({ max_requests_per_hour: 1 }))
    const delegation = aDelegation({
      subject: 'user_2',
      authorizationDetails: [[aDetail({ max_requests_per_hour: 1 })]],
    })
    const second = { agent: anAgent(), delegation }
    expect([await outcomeOf({ caller: first, rules }), await outcomeOf({ caller: second, rules })]).toEqual([
      'allowed',
      'budget_store_unavailable',
    ])
  })

  it('of an entry with several actions are counted for all of them together', async () => {
    const rules = { budgets: memoryBudgets() }
    const detail = aDetail({ max_requests_per_hour: 2 }, { actions: ['refunds:create', 'refunds:read'] })
    const delegation = aDelegation({ scopes: ['refunds:*'], authorizationDetails: [[detail]] })
    const of = (required: string) => outcomeOf({ caller: { agent: anAgent(), delegation }, rules, required })
    expect([await of('refunds:create'), await of('refunds:read'), await of('refunds:create')]).toEqual([
      'allowed',
      'allowed',
      'rate_limited',
    ])
  })

  it('of an entry without actions are counted for everything together', async () => {
    const rules = { budgets: memoryBudgets() }
    const detail = aDetail({ max_requests_per_hour: 1 }, { actions: undefined })
    const delegation = aDelegation({ scopes: ['refunds:*'], authorizationDetails: [[detail]] })
    const of = (required: string) => outcomeOf({ caller: { agent: anAgent(), delegation }, rules, required })
    expect([await of('refunds:create'), await of('refunds:read')]).toEqual(['allowed', 'rate_limited'])
  })

  it('of entries about different actions do not use up one another', async () => {
    const rules = { budgets: memoryBudgets() }
    const details = [
      aDetail({ max_requests_per_hour: 1 }),
      aDetail({ max_requests_per_hour: 2 }, { actions: ['email:send'] }),
    ]
    const delegation = aDelegation({ scopes: ['refunds:create', 'email:send'], authorizationDetails: [details] })
    const of = (required: string) => outcomeOf({ caller: { agent: anAgent(), delegation }, rules, required })
    expect([await of('email:send'), await of('email:send'), await of('refunds:create')]).toEqual([
      'allowed',
      'allowed',
      'allowed',
    ])
  })
})

describe('an attacker', () => {
  const once = { max_requests_per_hour: 1 }
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['members in another order', { constraints: once, actions: ['refunds:create'], type: aDetail({})['type'] }],
    ['an action twice', aDetail(once, { actions: ['refunds:create', 'refunds:create'] })],
    ['one more action', aDetail(once, { actions: ['refunds:create', 'x:y'] })],
    ['that action first', aDetail(once, { actions: ['x:y', 'refunds:create'] })],
    ['another name of the action', aDetail(once, { actions: ['refunds.create'] })],
    ['a wildcard', aDetail(once, { actions: ['refunds:*'] })],
    ['no actions at all', aDetail(once, { actions: undefined })],
    ['one more limit', aDetail({ ...once, allowed_methods: ['POST'] })],
    ['one more member', aDetail(once, { privileges: undefined })],
    ['the limit as a member of the entry', aDetail({}, once)],
  ])('opens no second budget by %s', async (_name, detail) => {
    const rules = { budgets: memoryBudgets() }
    expect(await outcomeOf({ caller: aCaller(aDetail(once)), rules })).toBe('allowed')
    expect(await outcomeOf({ caller: aCaller(JSON.parse(JSON.stringify(detail))), rules })).toBe('rate_limited')
  })

  it('opens no second budget by a lower limit', async () => {
    const rules = { budgets: memoryBudgets() }
    const of = (limit: number) => outcomeOf({ caller: aCaller(aDetail({ max_requests_per_hour: limit })), rules })
    expect([await of(3), await of(2), await of(2), await of(3), await of(3)]).toEqual([
      'allowed',
      'allowed',
      'rate_limited',
      'allowed',
      'rate_limited',
    ])
  })
})
