import { isDeepStrictEqual } from 'node:util'
import { coversScope } from '@countermark/capability'
import fc from 'fast-check'
import { claimsOf, type KnownAgent, ORDERS, REFUNDS } from './running-authority.ts'
import { type AuthorityWithUsers, exchangeOf, startWithUsers } from './user-issuer.ts'

const SCOPES = ['orders:read', 'orders:write', 'orders:*', 'refunds:create', 'refunds:*']
const CEILINGS = [['orders:*', 'refunds:*'], ['orders:read'], ['refunds:*', 'orders:write']]

let authority: AuthorityWithUsers
let agents: readonly KnownAgent[]

beforeAll(async () => {
  const services = [{ audience: ORDERS }, { audience: REFUNDS }]
  authority = await startWithUsers({ mayAct: 'any-agent' }, { services })
  agents = await Promise.all(
    CEILINGS.map((capabilities, index) => authority.createAgent(`agt_${index}`, { capabilities })),
  )
})
afterAll(() => authority.close())

/** One exchange: who asks, for which of the scopes and services, handing on how often, and how long after the one before. */
const step = fc.record({
  agent: fc.integer({ min: 0, max: CEILINGS.length - 1 }),
  scope: fc.option(fc.subarray(SCOPES, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  resource: fc.subarray([ORDERS, REFUNDS]),
  maxDepth: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  amount: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
  seconds: fc.integer({ min: 0, max: 60 }),
})
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

const scopesOf = (claims: Readonly<Record<string, unknown>>): readonly string[] => String(claims['scope']).split(' ')
const limitsOf = (claims: Readonly<Record<string, unknown>>, name: string): readonly unknown[] =>
  [claims['authorization_details'] ?? []].flat().map((entry) => Object(Object(entry)['constraints'])[name])
const amountOf = (claims: Readonly<Record<string, unknown>>): number =>
  Math.max(
    -1,
    ...limitsOf(claims, 'max_amount').map((limit) => Number(Object(limit)['value'] ?? Number.POSITIVE_INFINITY)),
  )

function formOf({ scope, resource, maxDepth, amount }: Step): Readonly<Record<string, string | readonly string[]>> {
  const constraints = {
    ...(maxDepth === undefined ? {} : { max_depth: maxDepth }),
    ...(amount === undefined ? {} : { max_amount: { value: amount, currency: 'USD' } }),
  }
  const detail = [{ type: 'urn:agent-auth:capability:1', constraints }]
  return {
    ...(scope === undefined ? {} : { scope: scope.join(' ') }),
    ...(resource.length === 0 ? {} : { resource }),
    ...(Object.keys(constraints).length === 0 ? {} : { authorization_details: JSON.stringify(detail) }),
  }
}

/** What of a token is wider than the one that it was exchanged for. */
function findWider(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  agent: number,
): readonly string[] {
  const isGranted = (scope: string, by: readonly string[]): boolean => by.some((granted) => coversScope(granted, scope))
  const isSameAgent = Object(before['act'])['sub'] === Object(after['act'])['sub']
  const depth = (claims: Readonly<Record<string, unknown>>): number => Number(limitsOf(claims, 'max_depth')[0] ?? 0)
  const always = {
    scope: scopesOf(after).every(
      (scope) => isGranted(scope, scopesOf(before)) && isGranted(scope, CEILINGS[agent] ?? []),
    ),
    exp: Number(after['exp']) <= Number(before['exp']),
    sub: after['sub'] === before['sub'],
  }
  const ours = {
    aud: [after['aud']].flat().every((audience) => [before['aud']].flat().includes(audience)),
    txn: after['txn'] === before['txn'],
    amount: amountOf(before) < 0 || amountOf(after) <= amountOf(before),
    act: isDeepStrictEqual(isSameAgent ? after['act'] : Object(after['act'])['act'], before['act']),
    depth: isSameAgent || depth(after) < depth(before),
  }
  const held = before['iss'] === authority.issuer ? { ...always, ...ours } : always
  return Object.entries(held).flatMap(([name, holds]) => (holds ? [] : [name]))
}

it('no sequence of exchanges widens what a user gave', async () => {
  let exchanged = 0
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(SCOPES, { minLength: 1 }),
      fc.array(step, { minLength: 1, maxLength: 5 }),
      async (scopes, steps) => {
        const wider: string[] = []
        const answers: (readonly [number, string])[] = []
        let token = await authority.userToken({ scope: scopes.join(' '), may_act: undefined })
        for (const each of steps) {
          authority.clock.advance(each.seconds * 1000)
          const by = agents[each.agent]
          const { status, body } = await authority.post('/token', exchangeOf(token, formOf(each)), by)
          if (status !== 200) {
            answers.push([status, typeof body['error']])
            continue
          }
          const next = String(body['access_token'])
          wider.push(...findWider(claimsOf(token), claimsOf(next), each.agent))
          exchanged += 1
          token = next
        }
        expect(wider).toEqual([])
        expect(answers).toEqual(answers.map(() => [400, 'string']))
      },
    ),
    { numRuns: 80 },
  )
  // What is always refused proves nothing.
  expect(exchanged).toBeGreaterThan(30)
}, 60_000)
