import { coversScope } from '@countermark/capability'
import fc from 'fast-check'
import { type Constraints, mergeConstraints } from '../../src/tokens/narrowing/constraints.ts'
import {
  type Detail,
  lowerDepth,
  mergeDetails,
  parseDetails,
  remainingDepth,
} from '../../src/tokens/narrowing/details.ts'
import { narrowScopes, parseScopes, shortestDuration } from '../../src/tokens/narrowing/scopes.ts'
import { OAuthError } from '../../src/tokens/oauth-error.ts'

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'done'
  } catch (error) {
    if (error instanceof OAuthError) return error.code
    throw error
  }
}

describe('the scopes of a token', () => {
  it.each([
    ['what was asked for', ['orders:read'], ['orders:*'], ['orders:*'], ['orders:read']],
    ['everything that both allow', undefined, ['orders:*'], ['orders:read', 'refunds:write'], ['orders:read']],
    ['where patterns cross', undefined, ['dns:*:write'], ['dns:zone1:*'], ['dns:zone1:write']],
    ['without what a wider one says', undefined, ['orders:*', 'orders:read'], ['orders:*'], ['orders:*']],
    [
      'with restrictions of the subject',
      ['a:b'],
      ['a:b'],
      ['a:b', 'restrict:ip:192.0.2.1'],
      ['a:b', 'restrict:ip:192.0.2.1'],
    ],
    ['without roles', undefined, ['role:clerk', 'a:b'], ['role:*', 'a:b'], ['a:b']],
  ])('are %s', (_name, asked, ceiling, subject, expected) => {
    expect(narrowScopes(asked, { ceiling, subject, services: [undefined] })).toEqual(expected)
  })

  it.each([
    ['beyond the ceiling', ['orders:write'], ['orders:read'], ['orders:*'], undefined],
    ['beyond the subject', ['orders:write'], ['orders:*'], ['orders:read'], undefined],
    ['beyond the service', ['orders:write'], ['orders:*'], ['orders:*'], ['orders:read']],
    ['that are wider than one of them', ['orders:*'], ['orders:read'], ['orders:*'], undefined],
    ['when nothing is allowed', undefined, [], ['orders:read'], undefined],
    ['that are a restriction', ['restrict:ip:192.0.2.1'], ['*:*:*'], ['*:*:*'], undefined],
  ])('are refused %s', (_name, asked, ceiling, subject, service) => {
    expect(codeOf(() => narrowScopes(asked, { ceiling, subject, services: [service] }))).toBe('invalid_scope')
  })

  it('are refused when they are no words', () => {
    expect(codeOf(() => parseScopes('a"b'))).toBe('invalid_scope')
    expect(codeOf(() => parseScopes(' '))).toBe('invalid_scope')
    expect(codeOf(() => parseScopes(Array.from({ length: 129 }, (_, index) => `s${index}`).join(' ')))).toBe(
      'invalid_scope',
    )
    expect(parseScopes('a  b a')).toEqual(['a', 'b'])
  })

  it('are covered by every list, whatever is asked for', () => {
    const segment = fc.constantFrom('a', 'b', '*')
    const scope = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join(':'))
    const scopes = fc.array(scope, { maxLength: 4 })
    fc.assert(
      fc.property(fc.option(scopes, { nil: undefined }), scopes, scopes, scopes, (asked, ceiling, subject, service) => {
        const lists = [ceiling, subject, service]
        try {
          const given = narrowScopes(asked, { ceiling, subject, services: [service] })
          return given.every((one) => lists.every((list) => list.some((granted) => coversScope(granted, one))))
        } catch (error) {
          return error instanceof OAuthError
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('end the token by the shortest duration', () => {
    expect(shortestDuration(['a:b'])).toBe(Number.POSITIVE_INFINITY)
    expect(shortestDuration(['a:b:1h', 'c:d:30s', 'e'])).toBe(30)
  })
})

const USD = (value: number): object => ({ value, currency: 'USD' })

describe('two constraints', () => {
  it.each<readonly [string, unknown, unknown, unknown]>([
    ['max_requests_per_hour', 5, 3, 3],
    ['max_amount', USD(10), USD(7), USD(7)],
    ['max_amount', USD(10), { value: 7, currency: 'EUR' }, undefined],
    ['regions_allowed', ['eu', 'us'], ['us', 'cn'], ['us']],
    ['regions_allowed', ['eu'], ['us'], undefined],
    ['regions_blocked', ['eu'], ['us'], ['eu', 'us']],
    ['currency', 'USD', ['USD', 'EUR'], ['USD']],
    ['identifier', 'order:1', 'order:1', 'order:1'],
    ['identifier', 'order:1', 'order:2', undefined],
    ['ip_ranges_allowed', ['10.0.0.0/8'], ['10.1.0.0/16', '192.0.2.0/24'], ['10.1.0.0/16']],
    ['ip_ranges_allowed', ['10.0.0.1'], ['10.0.0.0/24'], ['10.0.0.1']],
    ['ip_ranges_allowed', ['2001:db8::/32'], ['2001:db8:1::/48'], ['2001:db8:1::/48']],
    ['ip_ranges_allowed', ['10.0.0.0/8'], ['192.0.2.0/24'], undefined],
    ['require_approval_for', 'refunds:*', ['orders:*'], ['refunds:*', 'orders:*']],
    [
      'time_window',
      { start: '2026-01-01T00:00:00Z' },
      { end: '2026-02-01T00:00:00Z' },
      { start: '2026-01-01T00:00:00Z', end: '2026-02-01T00:00:00Z' },
    ],
    ['time_window', { start: '2026-03-01T00:00:00Z' }, { end: '2026-02-01T00:00:00Z' }, undefined],
    // A service would refuse everything outside of a window that it cannot read: the readable one must not take its place.
    ['time_window', { end: 'soon' }, { end: '2026-02-01T00:00:00Z' }, undefined],
    ['time_window', { end: '2026-02-01T00:00:00Z' }, { end: 'soon' }, undefined],
    ['time_window', { end: 'soon' }, { start: '2026-02-01T00:00:00Z' }, undefined],
    ['operating_hours', '24/7', { tz: 'UTC', from: '09:00', to: '17:00' }, { tz: 'UTC', from: '09:00', to: '17:00' }],
    [
      'operating_hours',
      { tz: 'UTC', from: '09:00', to: '17:00' },
      { tz: 'UTC', from: '10:00', to: '18:00' },
      undefined,
    ],
    ['of_the_host', 1, 2, undefined],
  ])('%s of %j and %j come to %j', (name, one, other, expected) => {
    const merged = expected === undefined ? undefined : { [name]: expected }
    expect(mergeConstraints({ [name]: one }, { [name]: other })).toEqual(merged)
  })

  it('that only one has stays', () => {
    expect(mergeConstraints({ max_depth: 1 }, { identifier: 'a' })).toEqual({ max_depth: 1, identifier: 'a' })
  })
})

const entry = (constraints: Constraints, ...actions: readonly string[]): Detail => ({
  actions: actions.length === 0 ? undefined : actions,
  constraints,
})

describe('two lists of details', () => {
  it('are merged for each scope', () => {
    const one = [entry({ max_amount: USD(10) }, 'refunds:create'), entry({ regions_allowed: ['eu'] }, 'orders:*')]
    const other = [entry({ max_amount: USD(5) })]
    expect(mergeDetails(one, other, ['refunds:create', 'orders:read', 'stock:read'])).toEqual([
      entry({ max_amount: USD(5) }, 'refunds:create', 'stock:read'),
      entry({ regions_allowed: ['eu'], max_amount: USD(5) }, 'orders:read'),
    ])
  })

  it('stay as they are where one is empty', () => {
    const one = [entry({ max_requests_per_hour: 5 }, 'a:b', 'a:c')]
    expect(mergeDetails(one, [], ['a:b'])).toBe(one)
    expect(mergeDetails([], one, ['a:b'])).toBe(one)
  })

  it('keep what is about a part of a scope for all of it', () => {
    const parts = [entry({ max_amount: USD(10) }, 'dns:z1:write'), entry({ max_amount: USD(5) }, 'dns:z2:write')]
    expect(mergeDetails(parts, [entry({ identifier: 'x' })], ['dns:*:write'])).toEqual([
      entry({ identifier: 'x', max_amount: USD(5) }, 'dns:*:write'),
    ])
  })

  it('are refused where they have nothing in common, or split a budget', () => {
    const refusal = (one: readonly Detail[], other: readonly Detail[]): string =>
      codeOf(() => mergeDetails(one, other, ['a:b', 'a:c']))
    expect(refusal([entry({ identifier: 'x' })], [entry({ identifier: 'y' })])).toBe('invalid_authorization_details')
    const counted = [entry({ max_requests_per_hour: 5 })]
    const split = [entry({ identifier: 'x' }, 'a:b'), entry({ identifier: 'y' }, 'a:c')]
    expect(refusal(counted, split)).toBe('invalid_authorization_details')
    expect(refusal(counted, [entry({ identifier: 'x' })])).toBe('done')
  })

  // What a service makes of a list: some entry about the scope holds, or there is none about it.
  const allows = (details: readonly Detail[], scope: string, amount: number, region: string): boolean => {
    const about = details.filter(
      ({ actions }) => actions === undefined || actions.some((action) => coversScope(action, scope)),
    )
    const holds = ({ constraints }: Detail): boolean => {
      const most = constraints['max_amount'] as { readonly value: number } | undefined
      const regions = constraints['regions_allowed'] as readonly string[] | undefined
      return amount <= (most?.value ?? 9) && (regions?.includes(region) ?? true)
    }
    return about.length === 0 || about.some(holds)
  }

  it('allow no more than both, whatever the entries are', () => {
    const action = fc.constantFrom('a:b', 'a:c', 'a:*')
    const constraints = fc.record(
      {
        max_amount: fc.integer({ min: 0, max: 3 }).map(USD),
        regions_allowed: fc.subarray(['eu', 'us'], { minLength: 1 }),
      },
      { requiredKeys: [] },
    )
    const detail: fc.Arbitrary<Detail> = fc.record({
      actions: fc.option(fc.array(action, { minLength: 1 }), { nil: undefined }),
      constraints,
    })
    const list = fc.array(detail, { maxLength: 3 })
    const tried = fc.record({
      scope: fc.constantFrom('a:b', 'a:c'),
      amount: fc.integer({ min: 0, max: 4 }),
      region: fc.constantFrom('eu', 'us'),
    })
    fc.assert(
      fc.property(
        list,
        list,
        fc.array(action, { minLength: 1 }),
        tried,
        (one, other, scopes, { scope, amount, region }) => {
          if (!scopes.some((granted) => coversScope(granted, scope))) return true
          try {
            const merged = mergeDetails(one, other, scopes)
            const both = allows(one, scope, amount, region) && allows(other, scope, amount, region)
            return both || !allows(merged, scope, amount, region)
          } catch (error) {
            return error instanceof OAuthError
          }
        },
      ),
      { numRuns: 5000 },
    )
  })
})

describe('authorization_details', () => {
  it('are read with their fields as constraints', () => {
    const text = JSON.stringify([
      { type: 'urn:agent-auth:capability:1', actions: ['a:b'], identifier: 'x', constraints: { max_depth: 1 } },
    ])
    expect(parseDetails(text)).toEqual([entry({ identifier: 'x', max_depth: 1 }, 'a:b')])
    expect(parseDetails(undefined)).toEqual([])
  })

  it.each([
    ['no JSON', '['],
    ['no list', '{}'],
    ['another type', '[{"type":"payment"}]'],
    ['a member twice', '[{"type":"urn:agent-auth:capability:1","actions":["a"],"actions":["b"]}]'],
    ['an unknown member', '[{"type":"urn:agent-auth:capability:1","until":1}]'],
    ['no scopes as actions', '[{"type":"urn:agent-auth:capability:1","actions":[]}]'],
    ['no object as constraints', '[{"type":"urn:agent-auth:capability:1","constraints":[]}]'],
    ['too many', JSON.stringify(Array.from({ length: 17 }, () => ({ type: 'urn:agent-auth:capability:1' })))],
  ])('are refused with %s', (_name, text) => {
    expect(codeOf(() => parseDetails(text))).toBe('invalid_authorization_details')
  })

  it('say how often a token may be handed on', () => {
    expect([
      remainingDepth([]),
      remainingDepth([entry({})]),
      remainingDepth([entry({ max_depth: 2 }), entry({ max_depth: 1 })]),
    ]).toEqual([0, 0, 1])
    expect(lowerDepth([entry({ max_depth: 2 }, 'a:b'), entry({})])).toEqual([entry({ max_depth: 1 }, 'a:b'), entry({})])
  })
})
