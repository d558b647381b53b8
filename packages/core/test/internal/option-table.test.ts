import { thrownCode } from '../../../../test/support/outcomes.ts'
import {
  callback,
  custom,
  flag,
  methods,
  nested,
  number,
  optionTable,
  strings,
  text,
  undescribed,
  word,
} from '../../src/internal/option-table.ts'

interface Store {
  readonly name: string
  readonly claim: () => string
}

const LIMITS = optionTable('limits', { perSecond: number({ min: 1, default: 500 }) })
const TABLE = optionTable('checkAll', {
  store: methods<Store>(['claim'], 'pass a store'),
  mode: word(['enforce', 'observe'], 'enforce'),
  seconds: number({ min: 0, max: 60 }),
  strict: flag(false),
  realm: text('agents'),
  hosts: strings([]),
  limits: nested(LIMITS),
  onLate: callback<() => void>(),
  secret: undescribed(text()),
  doubled: custom((_name, given = 2) => Number(given) * 2),
})
const store: Store = { name: 'memory', claim: () => 'claimed' }

function codeOf(options: object): string | undefined {
  return thrownCode(() => TABLE.read(options))
}

describe('options by table', () => {
  it('have their defaults', () => {
    expect(TABLE.read({ store })).toEqual({
      ...{ store, mode: 'enforce', seconds: undefined, strict: false, realm: 'agents', hosts: [] },
      ...{ limits: { perSecond: 500 }, onLate: undefined, secret: undefined, doubled: 4 },
    })
  })

  it('are typed by their readers', () => {
    const { mode, seconds, strict, limits }: ReturnType<typeof TABLE.read> = TABLE.read({ store, seconds: 5 })
    const typed: readonly ['enforce' | 'observe', number | undefined, boolean, number] = [
      ...([mode, seconds, strict] as const),
      limits.perSecond,
    ]
    expect(typed).toEqual(['enforce', 5, false, 500])
  })

  it.each([
    ['a missing store', {}, 'ERR_OPTION_MISSING'],
    ['a store without its method', { store: {} }, 'ERR_OPTION_INVALID'],
    ['an unknown name', { store, stric: true }, 'ERR_OPTION_UNKNOWN'],
    ['an unknown name further in', { store, limits: { perSecnd: 1 } }, 'ERR_OPTION_UNKNOWN'],
    ['another word', { store, mode: 'watch' }, 'ERR_OPTION_INVALID'],
    ['null', { store, strict: null }, 'ERR_OPTION_INVALID'],
    ['NaN', { store, seconds: Number.NaN }, 'ERR_OPTION_INVALID'],
    ['a number beyond its limit', { store, seconds: 61 }, 'ERR_OPTION_INVALID'],
    ['a text for a flag', { store, strict: 'false' }, 'ERR_OPTION_INVALID'],
    ['an empty text', { store, realm: '' }, 'ERR_OPTION_INVALID'],
    ['a text for a list', { store, hosts: 'a' }, 'ERR_OPTION_INVALID'],
    ['no function', { store, onLate: 1 }, 'ERR_OPTION_INVALID'],
    ['a list', [], 'ERR_OPTION_INVALID'],
  ])('refuse %s', (_what, options, code) => {
    expect(codeOf(options)).toBe(code)
  })

  it('name the nearest option', () => {
    expect(() => TABLE.read({ store, stirct: true } as object)).toThrow('did you mean strict?')
  })

  it('take nothing from a prototype', () => {
    expect(TABLE.read(Object.assign(Object.create({ strict: true }), { store })).strict).toBe(false)
  })

  it('state what was given, but for what must stay secret', () => {
    expect(TABLE.describe({ store, seconds: 5, secret: 'x', onLate: () => undefined })).toEqual({
      store: 'memory',
      seconds: 5,
    })
  })
})
