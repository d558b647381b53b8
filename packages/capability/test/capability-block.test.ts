import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { body, notUsed } from '../src/arguments/argument-source.ts'
import { loadCapabilityBlock } from '../src/blocks/load-capability-block.ts'
import { capabilityRules } from '../src/capability-rules.ts'
import { anAgent, aRefund, outcomeOf } from './granting.ts'

const PRINTED = `Agent: CustomerSupportAgent-v2.3
Capabilities:
  - read:customer_records (scope: assigned_tickets_only)
  - write:ticket_updates (scope: own_tickets)
  - call:billing_api (scope: refund_under_100)
  - escalate:to_human (scope: always)
Constraints:
  - max_refund_amount: $100
  - require_approval_for: account_closure
  - operating_hours: 24/7
`

describe('a capability block', () => {
  it('loads as it is printed', () => {
    expect(loadCapabilityBlock(PRINTED)).toEqual({
      agentId: 'CustomerSupportAgent-v2.3',
      capabilities: [
        { scope: 'read:customer_records', constraints: { assigned_tickets_only: true } },
        { scope: 'write:ticket_updates', constraints: { own_tickets: true } },
        { scope: 'call:billing_api', constraints: { max_amount: { value: 9999, currency: 'USD' } } },
        { scope: 'escalate:to_human', constraints: {} },
      ],
      constraints: {
        max_refund_amount: { value: 10_000, currency: 'USD' },
        require_approval_for: 'account_closure',
        operating_hours: '24/7',
      },
    })
  })

  it('is the one that the documentation prints', () => {
    const page = readFileSync(join(__dirname, '../../../docs/protocol/capability-block.md'), 'utf8')
    expect(page).toContain(PRINTED)
  })

  it.each([
    ['$100', undefined, { value: 10_000, currency: 'USD' }],
    ['$100', 'CAD', { value: 10_000, currency: 'CAD' }],
    ['€99.50', undefined, { value: 9950, currency: 'EUR' }],
    ['100 EUR', undefined, { value: 10_000, currency: 'EUR' }],
    ['EUR 0.5', undefined, { value: 50, currency: 'EUR' }],
    ['1000 JPY', undefined, { value: 1000, currency: 'JPY' }],
    ['¥1000', undefined, { value: 1000, currency: 'JPY' }],
    ['1.5 KWD', undefined, { value: 1500, currency: 'KWD' }],
  ])('counts %s in minor units (%s)', (amount, currency, money) => {
    const options = currency === undefined ? {} : { currency }
    const block = loadCapabilityBlock(`Agent: a\nCapabilities: []\nConstraints:\n  - max_amount: ${amount}\n`, options)
    expect(block.constraints).toEqual({ max_amount: money })
  })

  it('may have several limits on a line, and limits as members', () => {
    const text =
      'agent: a\ncapabilities: ["refunds:create (scope: own_tickets, refund_under_50)"]\nconstraints: { max_requests_per_hour: 5 }'
    expect(loadCapabilityBlock(text, { currency: 'EUR' })).toEqual({
      agentId: 'a',
      capabilities: [
        { scope: 'refunds:create', constraints: { own_tickets: true, max_amount: { value: 4999, currency: 'EUR' } } },
      ],
      constraints: { max_requests_per_hour: 5 },
    })
  })

  it('may be a template for several agents', () => {
    const template =
      'Capabilities:\n  - dns:{zone}:write\n  - read:records (scope: team_{team}_only)\nConstraints:\n  - regions_allowed: ["{team}"]\n'
    const block = loadCapabilityBlock(template, { agentId: 'agt_1', parameters: { zone: 'zone_7', team: 'emea' } })
    expect(block.capabilities).toEqual([
      { scope: 'dns:zone_7:write', constraints: {} },
      { scope: 'read:records', constraints: { team_emea_only: true } },
    ])
    expect([block.agentId, block.constraints]).toEqual(['agt_1', { regions_allowed: ['emea'] }])
  })

  it.each([
    ['nothing', ''],
    ['no YAML', 'Agent: [unclosed'],
    ['two documents', `${PRINTED}---\n${PRINTED}`],
    ['a key twice', `${PRINTED}Agent: other\n`],
    ['a key twice in another case', `${PRINTED}agent: other\n`],
    ['an anchor', 'Agent: a\nCapabilities: &x [a:b]\nConstraints: []\nRoles: *x\n'],
    ['another member', `${PRINTED}Roles: []\n`],
    ['no agent', 'Capabilities: []\n'],
    ['an agent that is none', 'Agent: "a b"\nCapabilities: []\n'],
    ['no capabilities', 'Agent: a\n'],
    ['a capability that is no scope', 'Agent: a\nCapabilities:\n  - "read records"\n'],
    ['a limit that is no name', 'Agent: a\nCapabilities:\n  - "read:records (scope: own tickets)"\n'],
    ['another word than scope', 'Agent: a\nCapabilities:\n  - "read:records (only: own_tickets)"\n'],
    ['a capability of two lines', 'Agent: a\nCapabilities:\n  - read:records\n    write:records: x\n'],
    ['a limit twice', 'Agent: a\nCapabilities: []\nConstraints:\n  - max_amount: $1\n  - max_amount: $9\n'],
    ['an amount without a currency', 'Agent: a\nCapabilities: []\nConstraints:\n  - max_amount: 100\n'],
    ['an amount with two', 'Agent: a\nCapabilities: []\nConstraints:\n  - max_amount: $100 EUR\n'],
    ['too many digits', 'Agent: a\nCapabilities: []\nConstraints:\n  - max_amount: 100.5 JPY\n'],
    ['a limit in no currency', 'Agent: a\nCapabilities:\n  - call:api (scope: refund_under_100)\n'],
    [
      'a limit of nothing',
      'Agent: a\nCapabilities:\n  - call:api (scope: refund_under_0)\nConstraints: [max_amount: $1]\n',
    ],
    ['a parameter that is not given', 'Agent: a\nCapabilities:\n  - dns:{zone}:write\n'],
    ['a novel', `# ${'x'.repeat(70_000)}\n${PRINTED}`],
  ])('does not load with %s', (_name, text) => {
    expect(() => loadCapabilityBlock(text)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('takes no parameter that is more than a name', () => {
    const load = (zone: string) => () =>
      loadCapabilityBlock('Agent: a\nCapabilities:\n  - dns:{zone}:write\n', { parameters: { zone } })
    for (const zone of ['*', 'a:b', ''])
      expect(load(zone)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('stops the start when it has an unknown constraint', () => {
    expect(() => capabilityRules({ blocks: [loadCapabilityBlock(PRINTED)] })).toThrow('assigned_tickets_only')
  })
})

describe('an agent whose block asks a human above one limit and stops at another', () => {
  const text =
    'Agent: a\nCapabilities: [call:api]\nConstraints:\n  - require_approval_above: $100\n  - max_refund_amount: $500\n'
  const rules = { blocks: [loadCapabilityBlock(text)] }
  const caller = { agent: anAgent({ id: 'a' }) }

  it.each([
    [10_000, 'allowed'],
    [10_001, 'approval_required'],
    [50_000, 'approval_required'],
    [50_001, 'constraint_violation'],
  ])('refunds %d cents: %s', async (cents, outcome) => {
    const request = aRefund({ amount: cents })
    const sources = { amount: body('/amount'), currency: 'USD' }
    expect(await outcomeOf({ caller, rules, sources, required: 'call:api', request })).toBe(outcome)
  })
})

describe('an agent with the printed block', () => {
  const mine = { assigned_tickets_only: () => true, own_tickets: () => false }
  const rules = { blocks: [loadCapabilityBlock(PRINTED)], constraints: mine }
  const caller = { agent: anAgent({ id: 'CustomerSupportAgent-v2.3' }) }
  const amount = { amount: body('/amount'), currency: 'USD' }
  const none = { amount: notUsed() }

  it('reads the records of tickets assigned to it', async () => {
    const request = { method: 'GET' }
    expect(await outcomeOf({ caller, rules, request, required: 'customer_records:read' })).toBe('allowed')
    expect(await outcomeOf({ caller, rules, request, required: 'read:customer_records' })).toBe('allowed')
    expect(await outcomeOf({ caller, rules, request, required: 'write:customer_records' })).toBe('insufficient_scope')
  })

  it('updates its own tickets only', async () => {
    const input = { caller, rules, sources: none, required: 'write:ticket_updates' }
    expect(await outcomeOf(input)).toBe('constraint_violation')
    expect(await outcomeOf({ ...input, rules: { ...rules, constraints: { ...mine, own_tickets: () => true } } })).toBe(
      'allowed',
    )
  })

  it.each([
    [9999, 'allowed'],
    [10_000, 'constraint_violation'],
  ])('refunds %d cents: %s', async (cents, outcome) => {
    const request = aRefund({ amount: cents })
    expect(await outcomeOf({ caller, rules, sources: amount, required: 'call:billing_api', request })).toBe(outcome)
  })

  it('escalates whenever it likes', async () => {
    expect(await outcomeOf({ caller, rules, sources: none, required: 'escalate:to_human' })).toBe('allowed')
  })

  it('closes no account without a human', async () => {
    const sources = { ...none, operation: 'account_closure' }
    expect(await outcomeOf({ caller, rules, sources, required: 'escalate:to_human' })).toBe('approval_required')
  })

  it('can do no more than that with the token of a user', async () => {
    const other = { agent: anAgent({ id: 'CustomerSupportAgent-v2.3', capabilities: ['*:*'] }) }
    expect(await outcomeOf({ caller: other, rules, required: 'accounts:delete' })).toBe('insufficient_scope')
  })
})
