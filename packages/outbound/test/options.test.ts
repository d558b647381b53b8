import { createFetcher, type FetcherOptions, RefreshCache, type RefreshTimes } from '../src/index.ts'

const load = async () => undefined

describe('options of a fetcher', () => {
  it.each<[options: object, code: string]>([
    [{ maxByte: 1 }, 'ERR_OPTION_UNKNOWN'],
    [{ maxBytes: 0 }, 'ERR_OPTION_INVALID'],
    [{ allowHttp: 'false' }, 'ERR_OPTION_INVALID'],
    [{ ports: [0] }, 'ERR_OPTION_INVALID'],
    [{ ports: 443 }, 'ERR_OPTION_INVALID'],
    [{ contentTypes: 'application/json' }, 'ERR_OPTION_INVALID'],
    [{ headers: 'authorization' }, 'ERR_OPTION_INVALID'],
    [{ fetch, ca: 'PEM' }, 'ERR_OPTION_INVALID'],
    [{ fetch, allowPrivateAddresses: false }, 'ERR_OPTION_INVALID'],
  ])('refuse %j', (options, code) => {
    expect(() => createFetcher(options as FetcherOptions)).toThrow(expect.objectContaining({ code }))
  })
})

describe('options of a cache', () => {
  it.each<[times: object, code: string]>([
    [{ maxAge: 1 }, 'ERR_OPTION_UNKNOWN'],
    [{ absentMs: 300_001 }, 'ERR_OPTION_INVALID'],
    [{ random: 0.5 }, 'ERR_OPTION_INVALID'],
    [{ refreshAfterMs: 10_000, maxAgeMs: 9_999 }, 'ERR_OPTION_INVALID'],
  ])('refuse the times %j', (times, code) => {
    expect(() => new RefreshCache({ load, times: times as RefreshTimes })).toThrow(expect.objectContaining({ code }))
  })

  it('refuse what the cache does not know', () => {
    const options = { load, secondlevel: undefined }
    expect(() => new RefreshCache(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }))
  })
})
