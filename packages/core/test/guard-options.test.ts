import fc from 'fast-check'
import { createGuardSettings, type GuardOptions, isMisconfigured } from '../src/index.ts'
import type { RouteOptions } from '../src/internal.ts'
import { aGuard, STOPPED, thrownBy } from './guarding.ts'

const ORIGINS = ['api.example.com']

function codeFor(options: unknown): string | undefined {
  const error = thrownBy(() => createGuardSettings(options as GuardOptions))
  return isMisconfigured(error) ? error.code : String(error)
}

describe('createGuard', () => {
  it('needs only to know who the server is', () => {
    expect(createGuardSettings({ origins: ORIGINS })).toMatchObject({
      statusMode: 'standard',
      errorDetail: 'code',
      rollout: { percent: 100, by: 'agent' },
      minimumLevel: { safe: 'identified', unsafe: 'signed' },
      trustedProxies: [],
      maxBodyBytes: 1_048_576,
      maxHeaderFields: 200,
      corsPreflight: false,
      development: false,
    })
  })

  it.each([[{}], [{ origins: [] }], [{ origins: undefined }], [{ origins: 'api.example.com' }], [{ origins: null }]])(
    'does not start without origins: %j',
    (options) => expect(codeFor(options)).toBe('ERR_OPTION_MISSING'),
  )

  it.each([undefined, null, 'api.example.com', ['api.example.com'], 5])(
    'does not start with %j for options',
    (options) => {
      expect(codeFor(options)).toBe('ERR_OPTION_INVALID')
    },
  )
})

/** One or more values that an option must not have. */
const BAD: Readonly<Record<string, readonly unknown[]>> = {
  origins: [[''], [5], [null], ['a b'], ['http://a/'], [['a']], {}],
  trustedProxies: ['10.0.0.0/8', true, null, [5], [null], {}],
  maxBodyBytes: [-1, Number.NaN, Number.POSITIVE_INFINITY, '1mb', '1048576', null, [], {}],
  maxHeaderFields: [0, 1001, -1, Number.NaN, Number.POSITIVE_INFINITY, '200', null],
  statusMode: ['Standard', 'wimse', '', null, 403, true],
  errorDetail: ['none', 'all', '', null, true],
  mode: ['off', 'Observe', '', null, true, false],
  enforce: [10, '10 %', null, [10], { percent: -1 }, { percent: '10' }],
  minimumLevel: ['signed', null, [], { safe: 'none' }, { unsafe: null }, { unsafe: 'Signed' }, { unsave: 'bearer' }],
  open: ['/healthz', ['/healthz'], null, { path: ['/healthz'] }, { paths: '/healthz' }, { paths: [null] }],
  observers: [{}, null, 'metrics', [null], [undefined], [{}], [{ decide: () => undefined }], [{ decided: 'x' }], [[]]],
  recorder: [{}, null, true, 'audit', { record: true }, () => undefined, { finish: () => undefined }],
  onRefusal: [true, {}, 'log', null],
  refusals: [[], null, 'x', { outside_hours: {} }, { Outside: { title: 'x', status: 403, retry: 'no' } }],
  clock: [{}, null, Date, { wallMs: () => 0 }, { monotonicMs: () => 0 }, { wallMs: 0, monotonicMs: 0 }],
  verifier: [{}, null, 'sodium', 'Auto', { verify: () => true }, { verify: true, verifyInThreadPool: true }],
  development: ['false', 'true', 0, 1, null, 'yes'],
}

const CASES = Object.entries(BAD).flatMap(([name, values]) => values.map((value) => [name, value] as const))

describe('an option', () => {
  it.each(CASES)('%s may not be %j', (name, value) => {
    expect(codeFor({ origins: ORIGINS, [name]: value })).toMatch(/^ERR_OPTION_/)
  })

  it.each(
    ['/', '//a', '/a?b', '/a/*', '/a#b', '/a\\b', 'healthz', '/a b', '/caf\u00e9', '', '/a\n'].filter(
      (path) => path !== '/',
    ),
  )('open.paths may not have %j', (path) =>
    expect(codeFor({ origins: ORIGINS, open: { paths: [path] } })).toBe('ERR_OPTION_INVALID'),
  )

  it('open.corsPreflight may not be the text that an environment variable has', () => {
    expect(codeFor({ origins: ORIGINS, open: { corsPreflight: 'false' } })).toBe('ERR_OPTION_INVALID')
  })

  it.each([
    ['orgins', 'origins'],
    ['Origins', 'origins'],
    ['origin', 'origins'],
    ['orignis', 'origins'],
    ['trustedProxy', 'trustedProxies'],
    ['maxBody', 'maxBodyBytes'],
    ['maxheaderfields', 'maxHeaderFields'],
    ['statusmode', 'statusMode'],
    ['statsuMode', 'statusMode'],
    ['observer', 'observers'],
    ['onRefuse', 'onRefusal'],
    ['develop', 'development'],
  ])('%s is taken for %s', (given, meant) => {
    const error = thrownBy(() => createGuardSettings({ origins: ORIGINS, [given]: 1 }))
    expect(error).toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
      message: expect.stringContaining(`did you mean ${meant}?`),
    })
  })

  it('origins may still be called authorities, but not both', () => {
    const former = { authorities: ['api.example.com'] } as object as GuardOptions
    expect(createGuardSettings(former).originOf('api.example.com')).toEqual({
      scheme: 'https',
      authority: 'api.example.com',
    })
    expect(thrownBy(() => createGuardSettings({ ...former, origins: ORIGINS }))).toMatchObject({
      code: 'ERR_OPTION_INVALID',
      message: expect.stringContaining('give origins alone'),
    })
  })

  it.each(['x', 'audience', '__proto__', 'constructor', ''])('%j is not taken for anything', (name) => {
    const options = { origins: ORIGINS, ...JSON.parse(JSON.stringify({})) }
    Object.defineProperty(options, name, { value: 1, enumerable: true })
    const error = thrownBy(() => createGuardSettings(options))
    expect(error).toMatchObject({ message: expect.stringContaining('known options: origins, trustedProxies') })
  })

  it('development may not be on in production', () => {
    const before = process.env['NODE_ENV']
    process.env['NODE_ENV'] = 'production'
    try {
      expect(codeFor({ origins: ORIGINS, development: true })).toBe('ERR_OPTION_INVALID')
      expect(createGuardSettings({ origins: ORIGINS, development: false }).development).toBe(false)
    } finally {
      process.env['NODE_ENV'] = before
    }
  })

  it('may be one that belongs to the adapter', () => {
    expect(
      createGuardSettings({ origins: ORIGINS, respond: 'next' } as GuardOptions, ['respond']).rollout.percent,
    ).toBe(100)
  })
})

describe('for any bad configuration', () => {
  const good: Readonly<Record<string, unknown>> = {
    origins: ORIGINS,
    trustedProxies: ['10.0.0.0/8'],
    maxBodyBytes: 0,
    maxHeaderFields: 50,
    statusMode: 'wba',
    errorDetail: 'minimal',
    mode: 'observe',
    minimumLevel: { unsafe: 'bound' },
    open: { paths: ['/healthz'] },
    observers: [{ measured: () => undefined }],
    recorder: { record: () => undefined },
    onRefusal: () => undefined,
    refusals: {},
    clock: STOPPED,
    development: false,
  }

  it('the good half of it does not help', () => {
    fc.assert(
      fc.property(fc.subarray(Object.keys(good)), fc.constantFrom(...CASES), (names, [name, value]) => {
        const options = Object.fromEntries(names.map((each) => [each, good[each]]))
        return /^ERR_OPTION_/.test(codeFor({ origins: ORIGINS, ...options, [name]: value }) ?? '')
      }),
      { numRuns: 500 },
    )
  })

  it('nothing that is no word of an option is one', () => {
    const words = fc.constantFrom('statusMode', 'errorDetail', 'mode', 'development', 'maxBodyBytes')
    const anything = fc.anything({ withNullPrototype: true }).filter((value) => value !== undefined)
    fc.assert(
      fc.property(words, anything, (name, value) => {
        const expected = ['standard', 'wba', 'seed', 'code', 'full', 'minimal', 'enforce', 'observe', true, false]
        fc.pre(!expected.includes(value as string) && !(typeof value === 'number' && value >= 0))
        return /^ERR_OPTION_/.test(codeFor({ origins: ORIGINS, [name]: value }) ?? '')
      }),
      { numRuns: 500 },
    )
  })
})

describe('guard.with', () => {
  it.each([
    null,
    'optional',
    { optional: 'false' },
    { optional: 1 },
    { mode: 'off' },
    { minimumLevel: 'admin' },
    { minimumLevel: null },
    { level: 'signed' },
    { statusMode: 'seed' },
  ])('does not take %j', (route) => {
    const error = thrownBy(() => aGuard([], {}, route as RouteOptions))
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_OPTION_/) })
  })
})
