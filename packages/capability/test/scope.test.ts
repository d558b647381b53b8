import { isMisconfigured } from '@countermark/core'
import { parseScope } from '../src/scope.ts'

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    if (isMisconfigured(error)) return error.code
    throw error
  }
  return undefined
}

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
    expect(parseScope(text)).toEqual({ segments, durationSeconds: undefined })
  })

  it.each([
    ['storage:read:1h', 3600],
    ['storage:read:90s', 90],
    ['storage:read:30m', 1800],
    ['storage:*:2d', 172_800],
    ['storage:read:0h', 0],
  ])('%s ends with a duration', (text, durationSeconds) => {
    const { segments, durationSeconds: read } = parseScope(text)
    expect([segments.length, read]).toEqual([2, durationSeconds])
  })

  it.each(['storage:read:01h', 'storage:read:1hour', 'storage:read:1w', 'storage:read:1234567s', 'storage:read:h'])(
    '%s ends with a name, and no token is bounded by it',
    (text) => {
      expect(parseScope(text)).toMatchObject({ durationSeconds: undefined, segments: { length: 3 } })
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
    expect(codeOf(() => parseScope(text))).toBe('ERR_OPTION_INVALID')
  })
})
