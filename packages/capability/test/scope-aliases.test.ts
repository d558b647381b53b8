import { createScopeReader } from '../src/scopes/granted-scopes.ts'
import { ACTION_FIRST, compileAliases } from '../src/scopes/scope-aliases.ts'

const rename = compileAliases({ ...ACTION_FIRST, 'pr.merge': 'pr:write:merged' })

describe('aliases', () => {
  it.each([
    ['read:customer_records', 'customer_records:read'],
    ['write:ticket_updates', 'ticket_updates:write'],
    ['call:billing_api', 'billing_api:call'],
    ['escalate:to_human', 'to_human:escalate'],
    ['pr.create', 'pr:create'],
    ['pr.merge', 'pr:write:merged'],
    ['read:*', '*:read'],
    ['read:{table}', '{table}:read'],
    ['read:customer_records:eu', 'read:customer_records:eu'],
    ['email:send', 'email:send'],
    ['read', 'read'],
  ])('%s means %s', (written, meant) => {
    expect(rename(written)).toBe(meant)
  })

  it('rename once: what they give is not renamed again', () => {
    expect(compileAliases({ 'a:*': 'b:*', 'b:*': 'c:*' })('a:x')).toBe('b:x')
  })

  it('leave durations where they are', () => {
    const { shortestSeconds, covers } = createScopeReader(rename)(['read:customer_records:1h'])
    const required = { text: 'customer_records:read', segments: ['customer_records', 'read'] }
    expect([shortestSeconds, covers(required)]).toEqual([3600, true])
  })

  it.each([
    [{ 'a:*': 'restrict:ip:*' }],
    [{ 'restrict:ip:*': 'email:*' }],
    [{ 'a:*:*': 'b:*' }],
    [{ a: 'b:*' }],
    [{ a: '' }],
    [{ '': 'a' }],
    [{ 'a b': 'a' }],
    [{ a: 7 }],
    [null],
  ])('cannot be %j', (aliases) => {
    const compile = (): unknown => compileAliases(aliases as never)
    expect(compile).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
