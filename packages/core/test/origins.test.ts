import { createGuardSettings, isMisconfigured } from '../src/index.ts'
import { originFinder } from '../src/internal.ts'
import { thrownBy } from './guarding.ts'

function originOf(origins: readonly string[] | (() => readonly string[]), host: string): string | undefined {
  const origin = createGuardSettings({ origins }).originOf(host)
  return origin && `${origin.scheme} ${origin.authority}`
}

describe('a Host value', () => {
  it.each([
    ['api.example.com', 'api.example.com', 'https api.example.com'],
    ['api.example.com', 'API.Example.COM', 'https api.example.com'],
    ['api.example.com', 'api.example.com:443', 'https api.example.com'],
    ['API.EXAMPLE.COM', 'api.example.com', 'https api.example.com'],
    ['https://api.example.com:443', 'api.example.com', 'https api.example.com'],
    ['https://api.example.com:8443', 'api.example.com:8443', 'https api.example.com:8443'],
    ['api.example.com:8443', 'api.example.com:8443', 'https api.example.com:8443'],
    ['http://127.0.0.1:3000', '127.0.0.1:3000', 'http 127.0.0.1:3000'],
    ['http://localhost', 'localhost:80', 'http localhost'],
    ['http://[::1]:3000', '[::1]:3000', 'http [::1]:3000'],
    ['http://orders_service:3000', 'orders_service:3000', 'http orders_service:3000'],
  ])('of the authority %s may be %s', (authority, host, expected) => {
    expect(originOf([authority], host)).toBe(expected)
  })

  it.each([
    'evil.example',
    'api.example.com.',
    'api.example.com:80',
    'api.example.com:0443',
    'api.example.com:',
    'api.example.com@evil.example',
    'evil.example@api.example.com',
    'api.example.com, evil.example',
    'api.example.com/',
    ' api.example.com',
    'api.example.com\u0000',
    'xapi.example.com',
    '__proto__',
    '',
  ])('of the authority api.example.com may not be %j', (host) => {
    expect(originOf(['api.example.com'], host)).toBeUndefined()
  })

  it('may name one of several origins, each with its own scheme', () => {
    const origins = ['api.example.com', 'http://127.0.0.1:3000']
    expect(originOf(origins, 'api.example.com')).toBe('https api.example.com')
    expect(originOf(origins, '127.0.0.1:3000')).toBe('http 127.0.0.1:3000')
  })
})

describe('origins that are known late', () => {
  it('are asked for each request', () => {
    let port = 3000
    const { originOf: find } = createGuardSettings({ origins: () => [`http://127.0.0.1:${port}`] })
    const before = find('127.0.0.1:3000')
    port = 4000
    expect([before?.authority, find('127.0.0.1:3000'), find('127.0.0.1:4000')?.authority]).toEqual([
      '127.0.0.1:3000',
      undefined,
      '127.0.0.1:4000',
    ])
  })

  it.each([[[]], [['not a host']], [undefined], ['api.example.com']])('fail loudly when they are %j', (names) => {
    const { originOf: find } = createGuardSettings({ origins: () => names as readonly string[] })
    expect(isMisconfigured(thrownBy(() => find('api.example.com')))).toBe(true)
  })
})

describe('a host for each tenant', () => {
  const find = originFinder(['*.example.com', 'http://*.test.internal:8080', 'admin.example.com'])

  it.each([
    ['a.example.com', 'https', 'a.example.com'],
    ['Tenant-2.example.com:443', 'https', 'tenant-2.example.com'],
    ['x.test.internal:8080', 'http', 'x.test.internal:8080'],
    ['admin.example.com', 'https', 'admin.example.com'],
  ])('is found: %s', (host, scheme, authority) => {
    expect(find(host)).toEqual({ scheme, authority })
  })

  it.each([
    'example.com',
    '.example.com',
    'a.b.example.com',
    '*.example.com',
    'aexample.com',
    'a.example.com.evil.example',
    'a.example.com:8443',
    'x.test.internal',
    '-a.example.com',
    'a_b.example.com',
    'a@b.example.com',
    'a/b.example.com',
    '%61.example.com',
    'é.example.com',
    '',
  ])('is not ours: %j', (host) => {
    expect(find(host)).toBeUndefined()
  })

  it('can be looked up: a function is given the Host value', () => {
    const tenants = new Set(['a.example.com', 'b.example.com'])
    const known = originFinder((host) => (tenants.has(host) ? [host] : []))
    expect([known('a.example.com')?.authority, known('c.example.com')]).toEqual(['a.example.com', undefined])
    tenants.add('c.example.com')
    expect(known('c.example.com')?.authority).toBe('c.example.com')
  })

  it.each(['*', '*.', '*.com', '**.example.com', 'a.*.example.com', '*a.example.com', '*.*.example.com'])(
    'is not written as %s',
    (text) => {
      expect(() => originFinder([text])).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    },
  )
})

describe('an authority', () => {
  it.each([
    'https://api.example.com/',
    'https://api.example.com/path',
    'ftp://api.example.com',
    'api.example.com:0',
    'api.example.com:0443',
    'api.example.com:65536',
    'api.example.com:port',
    'user@api.example.com',
    'api.example.com.',
    '.example.com',
    'api example.com',
    '//api.example.com',
    '127.1',
    '0x7f.0.0.1',
    '[::ffff:1.2.3.4]',
    '[0:0:0:0:0:0:0:1]',
    '[:::]',
    'b\u00fccher.example',
    '',
  ])('may not be written %j', (authority) => {
    expect(thrownBy(() => originOf([authority], 'x'))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  it.each([
    ['http://api.example.com', 'https://api.example.com'],
    ['http://api.example.com', 'https://api.example.com:80'],
    ['http://api.example.com:8443', 'https://api.example.com:8443'],
  ])('cannot be http and https at once: %s and %s', (...origins) => {
    expect(thrownBy(() => originOf(origins, 'x'))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  it('may be repeated', () => {
    expect(originOf(['a.example', 'https://a.example'], 'a.example')).toBe('https a.example')
  })
})
