import type { PolicyInput } from '@countermark/policy'
import { judgeByPolicy, type Plan, planDecisions } from '@countermark/policy/plan'

const QUESTION: PolicyInput = {
  actor: { type: 'agent', id: 'agt_a' },
  action: 'refund',
  resource: {},
  scope: [],
  context: { method: 'POST', arguments: { amount: 40 }, approved: false },
}

interface Line {
  readonly decision?: string
  readonly check?: string
  readonly requestId?: string
  readonly question?: PolicyInput | string | null
  readonly isAsked?: boolean
  readonly commitments?: object
}

let count = 0

function line({
  question = QUESTION,
  isAsked = true,
  decision = 'allow',
  check = 'consultPolicy',
  ...more
}: Line = {}): string {
  count += 1
  const policy = { engine: 'function', decision, action: 'refund' }
  const record = {
    ...{ v: 1, type: 'decision', id: `c.${count}`, at: '2026-01-01T00:00:00.000Z', requestId: `r-${count}` },
    ...{
      decision,
      check,
      agent: { id: 'agt_a' },
      action: { method: 'POST' },
      resource: { route: '/refunds' },
      ...more,
    },
    ...(isAsked ? { policy } : {}),
  }
  const value = typeof question === 'string' ? question : JSON.stringify(question)
  return JSON.stringify({ record, private: question === null ? {} : { question: { salt: 's', value } } })
}

const plan = (lines: readonly string[], decide: (input: PolicyInput) => unknown): Promise<Plan> =>
  planDecisions(lines, judgeByPolicy(decide))

describe('a plan by policy', () => {
  it('counts what would be refused and allowed', async () => {
    const lines = [line(), line({ decision: 'deny' }), line({ decision: 'observe' })]
    expect(await plan(lines, () => false)).toMatchObject({ newlyRefused: 1, newlyAllowed: 0, unchanged: 2 })
    expect(await plan(lines, () => true)).toMatchObject({ newlyRefused: 0, newlyAllowed: 2, unchanged: 1 })
  })

  it.each<[string, Line, string]>([
    ['no policy was asked', { isAsked: false, check: 'verifySignature' }, 'not_asked'],
    ['the question was not kept', { question: null }, 'question_not_kept'],
    ['the question was erased', { question: null, commitments: { question: 'x' } }, 'question_erased'],
    ['a credential stood in it', { question: '{"action":"…"}' }, 'question_masked'],
    ['it is no question', { question: '[' }, 'question_not_kept'],
  ])('cannot tell where %s', async (_what, given, reason) => {
    expect(await plan([line(given)], () => false)).toMatchObject({
      cannotTell: 1,
      newlyRefused: 0,
      reasons: { [reason]: 1 },
    })
  })

  it.each<[string, (input: PolicyInput) => unknown]>([
    ['says "true"', () => 'true'],
    ['fails', () => Promise.reject(new Error('gone'))],
    ['asks for what is not known', () => ({ allow: true, obligations: ['dance'] })],
  ])('cannot tell where the new policy %s', async (_what, decide) => {
    expect(await plan([line()], decide)).toMatchObject({ cannotTell: 1, reasons: { undecided: 1 } })
  })

  it('leaves alone what another check refused, and guards of the same request that asked nothing', async () => {
    const lines = [
      line({ decision: 'deny', check: 'requireCapability', isAsked: false }),
      line({ isAsked: false, check: 'preventReplay', requestId: 'one' }),
      line({ requestId: 'one' }),
    ]
    expect(await plan(lines, () => false)).toMatchObject({ newlyRefused: 1, unchanged: 2, cannotTell: 0 })
  })

  it.each<[object, number]>([
    [{ type: 'approval' }, 1],
    [{ type: 'read_only' }, 1],
    [{ type: 'limit', argument: 'amount', max: 39 }, 1],
    [{ type: 'limit', argument: 'amount', max: 40 }, 0],
    [{ type: 'limit', argument: 'toString', max: 40 }, 1],
  ])('holds obligations against the question: %j', async (obligation, newlyRefused) => {
    expect(await plan([line()], () => ({ allow: true, obligations: [obligation] }))).toMatchObject({ newlyRefused })
  })

  it('reads other logs, and lines that were cut off, without harm', async () => {
    const lines = [
      '',
      'GET /',
      '{"record":{"type":"decision"}}',
      '{"record":null}',
      '{"__proto__":{"record":{}}}',
      line().slice(0, 40),
    ]
    expect(await plan(lines, () => true)).toMatchObject({ decisions: 0, rows: [], from: undefined })
  })
})
