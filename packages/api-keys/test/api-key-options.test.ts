import { type ApiKeysOptions, apiKeys, hashApiKey } from '../src/index.ts'

const lookup = (): undefined => undefined

function codeOf(options: unknown): unknown {
  try {
    apiKeys(options as ApiKeysOptions)
  } catch (error) {
    return Object(error).code
  }
  return 'it started'
}

describe('the options of apiKeys', () => {
  it.each(['X-API-Key', 'Shop-Token', 'Authorization: ApiKey', 'authorization: Token'])('take %s', (header) => {
    expect(codeOf({ lookup, header })).toBe('it started')
  })

  it.each([
    ...[
      '',
      'X API',
      'Authorization',
      'X-API-Key: Token',
      'Authorization: Bearer',
      'Authorization: dpop',
      'Authorization: Basic',
    ],
    ...['Signature', 'Agent-ID', 'DPoP', 'Cookie', 'Host', 'Content-Type', 'Authorization: a: b', 'ключ'],
  ])('do not take %j for the place of a key', (header) => {
    expect(codeOf({ lookup, header })).toBe('ERR_OPTION_INVALID')
  })

  it.each<[string, unknown, string]>([
    ['no lookup', {}, 'ERR_OPTION_MISSING'],
    ['a table for a lookup', { lookup: new Map() }, 'ERR_OPTION_INVALID'],
    ['no time for the lookup', { lookup, deadlineMs: 0 }, 'ERR_OPTION_INVALID'],
    ['agents that are no source', { lookup, agents: {} }, 'ERR_OPTION_INVALID'],
    ['a page that is no URL', { lookup, documentation: '/docs' }, 'ERR_OPTION_INVALID'],
    ['a page that ends its brackets', { lookup, documentation: 'https://a.example/>' }, 'ERR_OPTION_INVALID'],
    ['brownouts that are no list', { lookup, brownouts: {} }, 'ERR_OPTION_INVALID'],
    ['a misspelt option', { lookup, sunSet: '2027-01-01T00:00:00Z' }, 'ERR_OPTION_UNKNOWN'],
  ])('do not take %s', (_what, options, code) => {
    expect(codeOf(options)).toBe(code)
  })

  it('publish where keys go and when they end, and nothing of the lookup', () => {
    const { description } = apiKeys({ lookup, deprecated: '2027-01-01T00:00:00Z', sunset: '2027-02-01T00:00:00Z' })
    const published = { header: 'x-api-key', deprecated: '2027-01-01T00:00:00Z', sunset: '2027-02-01T00:00:00Z' }
    expect(description?.metadata).toEqual({ api_keys: { ...published, brownouts: [] } })
    expect(Object.keys(description?.settings ?? {}).sort()).toEqual([
      'brownouts',
      'deadlineMs',
      'deprecated',
      'header',
      'sunset',
    ])
  })
})

describe('hashApiKey', () => {
  it('is SHA-256 in hexadecimal digits', () => {
    expect(hashApiKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
