import { parseScopeTemplate } from '../src/scopes/required-scopes.ts'
import { compileAliases } from '../src/scopes/scope-aliases.ts'

const same = (name: string): string => name
const zones = parseScopeTemplate('dns:{zone}:write', same)

describe('a scope with parameters', () => {
  it('takes them from the route', () => {
    expect(zones.fill({ zone: 'example.com' })?.text).toBe('dns:example.com:write')
  })

  it('takes part of a segment', () => {
    expect(parseScopeTemplate('dns:zone_{id}:write', same).fill({ id: '7' })?.segments).toEqual([
      'dns',
      'zone_7',
      'write',
    ])
  })

  it('names the parameters that the route must have', () => {
    expect(parseScopeTemplate('repo:{owner}/{name}:read', same).parameters).toEqual(['owner', 'name'])
  })

  it('keeps its parameters under another name', () => {
    const template = parseScopeTemplate('read:{table}', compileAliases({ 'read:*': '*:read' }))
    expect(template.fill({ table: 'orders' })?.text).toBe('orders:read')
  })

  it('does not read a value as a duration', () => {
    expect(parseScopeTemplate('dns:{zone}', same).fill({ zone: '1h' })?.segments).toEqual(['dns', '1h'])
  })

  it.each(['*', 'a:b', 'a*', '', ' ', 'a b', 'é', 'a\u0000', '{zone}', 'x'.repeat(129), '%2a'])(
    'cannot be covered with the value %j',
    (zone) => {
      expect(zones.fill({ zone })).toBeUndefined()
    },
  )

  it('takes nothing from a prototype', () => {
    expect(parseScopeTemplate('dns:{constructor}', same).fill({})).toBeUndefined()
  })

  it.each(['dns:{zone', 'dns:zone}', 'dns:{}', 'dns:{a:b}', 'storage:read:1h', 'restrict:ip:1', '', 'a::b', '{a}{b'])(
    'cannot be written %j',
    (text) => {
      expect(() => parseScopeTemplate(text, same)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    },
  )
})
