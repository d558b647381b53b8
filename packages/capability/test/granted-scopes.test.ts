import { createScopeReader } from '../src/scopes/granted-scopes.ts'

const read = createScopeReader((name) => name)
const WANTED = { text: 'email:send', segments: ['email', 'send'] }

describe('a list of scopes', () => {
  it('is bounded by its shortest duration, whichever scope is used', () => {
    expect(read(['email:send', 'storage:read:1h', 'dns:*:write:30m']).shortestSeconds).toBe(1800)
  })

  it('has no bound without a duration', () => {
    expect(read(['email:send']).shortestSeconds).toBeUndefined()
  })

  it('restricts to every network that it names', () => {
    const { networks, isUnclear } = read(['restrict:ip:192.0.2.0/24', 'restrict:ip:192.0.2.7', 'email:send'])
    const lets = (address: string): boolean => networks.every((network) => network.contains(address))
    expect([lets('192.0.2.7'), lets('192.0.2.8'), isUnclear]).toEqual([true, false, false])
  })

  it.each([
    'restrict:ip:',
    'restrict:ip',
    'restrict',
    'restrict:country:DE',
    'restrict:ip:192.0.2.1/33',
    'restrict:ip:192.0.2.1:1h',
    'restrict:ip:example.com',
    'Restrict:ip:192.0.2.1',
  ])('is unclear with %s: a restriction may not be passed over', (text) => {
    expect(read([text, 'email:send']).isUnclear).toBe(true)
  })

  it('is unclear when it is too long to be read', () => {
    expect(read(Array.from({ length: 1025 }, (_, index) => `a:${index}`)).isUnclear).toBe(true)
  })

  it('grants nothing by words of others', () => {
    expect(read(['openid', 'https://graph.example/.default', 'email send', '']).covers(WANTED)).toBe(false)
  })

  it('is read once while it is frozen, and each time while it can change', () => {
    const frozen = Object.freeze(['email:send'])
    const open = ['email:send']
    const [first, second] = [read(frozen), read(frozen)]
    expect(first).toBe(second)
    expect(read(open).covers(WANTED)).toBe(true)
    open[0] = 'email:read'
    expect(read(open).covers(WANTED)).toBe(false)
  })
})
