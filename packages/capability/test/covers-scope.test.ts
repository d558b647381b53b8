import fc from 'fast-check'
import { createScopeReader } from '../src/scopes/granted-scopes.ts'
import { coversScope } from '../src/scopes/scope.ts'
import { modelCovers } from './scope-model.ts'

const read = createScopeReader((name) => name)

function listCovers(granted: readonly string[], required: string): boolean {
  return read(granted).covers({ text: required, segments: required.split(':') })
}

describe('what covers what', () => {
  it.each([
    ['email:send', 'email:send'],
    ['dns:*:write', 'dns:zone_123:write'],
    ['dns:*:*', 'dns:zone_123:write'],
    ['*:read', 'storage:read'],
    ['storage:read:1h', 'storage:read'],
    ['storage:read:1h', 'storage:read:30m'],
    ['dns:*:write', 'dns:*:write'],
    ['*', 'openid'],
  ])('%s covers %s', (granted, required) => {
    expect(coversScope(granted, required)).toBe(true)
  })

  it.each([
    ['email:send', 'email:read'],
    ['email:send', 'Email:send'],
    ['email:send', 'email'],
    ['email', 'email:send'],
    ['pr:write', 'pr:write:draft'],
    ['pr:write:draft', 'pr:write'],
    ['dns:zone_123:write', 'dns:zone_12:write'],
    ['dns:*', 'dns:zone_123:write'],
    ['*', 'email:send'],
    ['*:*', 'email'],
    ['*:*:*', 'email:send'],
    ['dns:zone_123:write', 'dns:*:write'],
    ['dns:.:write', 'dns:x:write'],
    ['a:**', 'a:b'],
    ['a:b*', 'a:bc'],
    ['restrict:ip:192.0.2.1', 'restrict:ip:192.0.2.1'],
    ['restrict:*:*', 'restrict:ip:x'],
    ['RESTRICT:ip:x', 'RESTRICT:ip:x'],
    ['1h', '2h'],
    ['', ''],
  ])('%s does not cover %s', (granted, required) => {
    expect(coversScope(granted, required)).toBe(false)
  })
})

/** Few words, so that random scopes meet; all that is special stands among them. */
const segment = fc.constantFrom('a', 'b', 'ab', '*', '1h', '30m', 'a.b', 'restrict', 'ip', '', '**', 'a*', 'A', '~')
const scope = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join(':'))

/** Two scopes that have nothing to do with each other, or one made from the other, segment by segment. */
const pair = fc.tuple(scope, scope, fc.array(fc.boolean(), { maxLength: 4 })).map(([granted, other, kept]) => {
  const others = other.split(':')
  const mixed = granted.split(':').map((own, index) => (kept[index] ? own : (others[index] ?? own)))
  return [granted, kept.length === 0 ? other : mixed.join(':')] as const
})

describe('covering, against a slow model', () => {
  it('agrees on 200 000 random pairs', () => {
    let covered = 0
    fc.assert(
      fc.property(pair, ([granted, required]) => {
        const expected = modelCovers(granted, required)
        covered += expected ? 1 : 0
        return coversScope(granted, required) === expected
      }),
      { numRuns: 200_000 },
    )
    // A comparison of which one side is always false shows nothing.
    expect(covered).toBeGreaterThan(5000)
  })

  it('agrees for lists: a list covers what one of it covers', () => {
    const lists = fc.array(scope, { maxLength: 5 })
    fc.assert(
      fc.property(lists, scope, (granted, required) => {
        const known = modelCovers(required, required) && !/:\d+[smhd]$/.test(required)
        return !known || listCovers(granted, required) === granted.some((each) => modelCovers(each, required))
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('covering', () => {
  it('is monotonic: one grant more never takes anything away', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 4 }), scope, scope, (granted, more, required) => {
        return (
          !listCovers(granted, required) ||
          (listCovers([...granted, more], required) && listCovers([more, ...granted], required))
        )
      }),
      { numRuns: 20_000 },
    )
  })

  it('is transitive: what is handed on is never more than what was granted', () => {
    fc.assert(
      fc.property(scope, scope, scope, (a, b, c) => !(coversScope(a, b) && coversScope(b, c)) || coversScope(a, c)),
      { numRuns: 50_000 },
    )
  })

  it('never reaches across a resource: without a star the first segment is the same', () => {
    fc.assert(
      fc.property(scope, scope, (granted, required) => {
        const [first] = granted.split(':')
        return !coversScope(granted, required) || first === '*' || first === required.split(':')[0]
      }),
      { numRuns: 20_000 },
    )
  })
})
