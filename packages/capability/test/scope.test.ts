import { tryParseScope } from '../src/scopes/scope.ts'

describe('a scope', () => {
  it.each([
    ['email:send', ['email', 'send']],
    ['dns:zone_123:write', ['dns', 'zone_123', 'write']],
    ['dns:record:write', ['dns', 'record', 'write']],
    ['pr:write:draft', ['pr', 'write', 'draft']],
    ['repo:acme/api:read', ['repo', 'acme/api', 'read']],
    ['mail:jo@example.com:send', ['mail', 'jo@example.com', 'send']],
    ['dns:*:write', ['dns', '*', 'write']],
    ['openid', ['openid']],
    ['1h', ['1h']],
  ])('%s has its segments by position', (text, segments) => {
    expect(tryParseScope(text)).toEqual({ segments, durationSeconds: undefined })
  })

  it.each([
    ['storage:read:1h', 3600],
    ['storage:read:90s', 90],
    ['storage:read:30m', 1800],
    ['storage:*:2d', 172_800],
    ['storage:read:0h', 0],
  ])('%s ends with a duration', (text, durationSeconds) => {
    expect(tryParseScope(text)).toMatchObject({ segments: { length: 2 }, durationSeconds })
  })

  it.each(['storage:read:01h', 'storage:read:1hour', 'storage:read:1w', 'storage:read:1234567s', 'storage:read:h'])(
    '%s ends with a name, and no token is bounded by it',
    (text) => {
      expect(tryParseScope(text)).toMatchObject({ durationSeconds: undefined, segments: { length: 3 } })
    },
  )

  it.each([
    '',
    ':',
    'a:',
    ':a',
    'a::b',
    'a b',
    'a:b*',
    'a:**',
    'a:{b}',
    'a:b\n',
    'a:%2a',
    'a:é',
    'restrict:ip:192.0.2.1',
    'restrict',
    'RESTRICT:ip:192.0.2.1',
    `a:${'b'.repeat(129)}`,
    Array.from({ length: 17 }, () => 'a').join(':'),
    'ab:'.repeat(86),
  ])('cannot be %j', (text) => {
    expect(tryParseScope(text)).toBeUndefined()
  })
})
