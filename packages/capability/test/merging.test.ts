import { aRequest, createTestEnvironment } from '@countermark/testing'
import fc from 'fast-check'
import { body } from '../src/arguments/argument-source.ts'
import { capabilityRules } from '../src/capability-rules.ts'
import { requireCapability } from '../src/require-capability.ts'
import { tryParseRequiredScope } from '../src/scopes/required-scopes.ts'
import { aDelegation, aDetail, anAgent, aRefund } from './granting.ts'

/** Limits of one link of a chain. */
interface Link {
  readonly max?: number
  readonly allowed?: readonly string[]
  readonly blocked?: readonly string[]
  readonly from?: number
  readonly until?: number
}

const REGIONS = ['eu', 'us', 'cn', 'br']
const START_MS = 1_767_225_600_000

/** The rules of the profile, section 15, written out: the lower number, the intersection, the union, the intersection. */
function merge(links: readonly Link[]): Required<Link> {
  return {
    max: Math.min(...links.map(({ max = Number.POSITIVE_INFINITY }) => max)),
    allowed: REGIONS.filter((region) => links.every(({ allowed = REGIONS }) => allowed.includes(region))),
    blocked: links.flatMap(({ blocked = [] }) => blocked),
    from: Math.max(...links.map(({ from = -100 }) => from)),
    until: Math.min(...links.map(({ until = 100 }) => until)),
  }
}

function modelAllows(links: readonly Link[], sent: { readonly amount: number; readonly region: string }): boolean {
  const { max, allowed, blocked, from, until } = merge(links)
  const isListed = allowed.includes(sent.region) && !blocked.includes(sent.region)
  return sent.amount <= max && isListed && from <= 0 && 0 < until
}

function toDetail({ max, allowed, blocked, from, until }: Link): Readonly<Record<string, unknown>> {
  const at = (seconds: number): string => new Date(START_MS + seconds * 1000).toISOString()
  return aDetail({
    ...(max === undefined ? {} : { max_amount: { value: max, currency: 'USD' } }),
    ...(allowed === undefined ? {} : { regions_allowed: allowed }),
    ...(blocked === undefined ? {} : { regions_blocked: blocked }),
    ...(from === undefined
      ? {}
      : { time_window: { start: at(from), ...(until === undefined ? {} : { end: at(until) }) } }),
  })
}

const regions = fc.subarray(REGIONS, { minLength: 1 })
const window = fc.record({ from: fc.integer({ min: -3, max: 1 }), until: fc.integer({ min: 0, max: 3 }) })
const limits = fc.record(
  { max: fc.integer({ min: 0, max: 5 }), allowed: regions, blocked: regions },
  { requiredKeys: [] },
)
const link: fc.Arbitrary<Link> = fc
  .tuple(limits, fc.option(window, { nil: {} }))
  .map(([some, more]) => ({ ...some, ...more }))
const request = fc.record({ amount: fc.integer({ min: 0, max: 5 }), region: fc.constantFrom(...REGIONS) })

const check = requireCapability(
  'refunds:create',
  { amount: body('/amount'), currency: 'USD', regions: body('/region') },
  capabilityRules(),
)

function allows(links: readonly Link[], sent: object): boolean {
  const delegation = aDelegation({ authorizationDetails: links.map((each) => [toDetail(each)]) })
  try {
    const passed = check(aRefund(sent), { agent: anAgent(), delegation }, createTestEnvironment())
    return !('then' in passed)
  } catch {
    return false
  }
}

describe('limits down a chain', () => {
  it('merge to the lower number, the intersection of what is allowed and of windows, the union of what is blocked', () => {
    let allowed = 0
    fc.assert(
      fc.property(fc.array(link, { minLength: 1, maxLength: 4 }), request, (links, sent) => {
        const expected = modelAllows(links, sent)
        allowed += expected ? 1 : 0
        return allows(links, sent) === expected
      }),
      { numRuns: 3000 },
    )
    expect(allowed).toBeGreaterThan(100)
  })

  it('only narrow: what a chain refuses, no further link allows', () => {
    fc.assert(
      fc.property(fc.array(link, { minLength: 1, maxLength: 3 }), link, request, (links, more, sent) => {
        return allows(links, sent) || !allows([...links, more], sent)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a grant', () => {
  it('is read once, however many scopes are required: requests must not fill memory', () => {
    const rules = capabilityRules()
    const details = [aDetail({ max_amount: { value: 5000, currency: 'USD' } }, { actions: ['dns:*:read'] })]
    const agent = anAgent({ constraints: { max_amount: { value: 9000, currency: 'USD' } } })
    const grants = rules.findGrants({ agent, delegation: aDelegation({ authorizationDetails: [details] }) }, rules)
    const setsFor = (scope: string) => {
      const required = tryParseRequiredScope(scope, rules.rename)
      return required === undefined ? [] : grants.groupsFor(required).flatMap(({ sets }) => sets)
    }
    const [first, second] = [setsFor('dns:zone_1:read'), setsFor('dns:zone_2:read')]
    expect(first.filter(({ constraints }) => constraints.length === 1)).toHaveLength(2)
    expect(second.map((set, index) => set === first[index])).toEqual([true, true])
  })
})

describe('limits of an agent that its token carries', () => {
  const limits = { type: 'urn:agent-auth:limits:1', agent: 'agt_buyer', constraints: { regions_allowed: ['eu'] } }

  it('hold beside every entry that grants', () => {
    const regions = (...details: readonly object[]): boolean => {
      const delegation = aDelegation({ authorizationDetails: [details.map((detail) => ({ ...detail }))] })
      const sent = aRefund({ amount: 1, region: 'us' })
      try {
        return Boolean(check(sent, { agent: anAgent(), delegation }, createTestEnvironment()))
      } catch {
        return false
      }
    }
    expect(regions(aDetail({}))).toBe(true)
    expect(regions(limits)).toBe(false)
    expect(regions(aDetail({}), limits)).toBe(false)
    expect(regions(aDetail({}), { ...limits, constraints: { regions_allowed: ['us'] } })).toBe(true)
    expect(regions(aDetail({}), { ...limits, constraints: { regions_allowed: ['us'] } }, limits)).toBe(false)
    expect(regions(aDetail({}), { ...limits, constraints: {}, unknown: true })).toBe(false)
    expect(regions(aDetail({}), { ...limits, constraints: 'none' })).toBe(false)
  })

  it('leave out what a route that only reads does not have', () => {
    const amounts = { ...limits, constraints: { max_amount: { value: 5, currency: 'USD' } } }
    const delegation = aDelegation({ authorizationDetails: [[amounts]] })
    const read = requireCapability('refunds:create', {}, capabilityRules())
    const get = aRequest({ method: 'GET', target: '/refunds' })
    expect(read(get, { agent: anAgent(), delegation }, createTestEnvironment())).toBeDefined()
  })
})
