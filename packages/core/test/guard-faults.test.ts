import { type Check, type Observer, Refusal } from '../src/index.ts'
import { isThenable, type Verdict } from '../src/internal.ts'
import {
  aGuard,
  aRequest,
  atOnce,
  codeOf,
  describedAs,
  nameAgent,
  problemOf,
  type Settle,
  STOPPED,
  thenableOf,
} from './guarding.ts'

const FAULTS: readonly [string, () => unknown][] = [
  ['an error', () => new Error('password of the database: hunter2')],
  ['nothing', () => undefined],
  ['null', () => null],
  ['false', () => false],
  ['a text', () => 'signature_invalid'],
  ['what looks like a refusal', () => ({ code: 'rate_limited', message: '', name: 'Refusal' })],
  ['a refusal with a code that nobody registered', () => new Refusal('outside_hours' as never, 'come back later')],
  ['a refusal with the name of a member as code', () => new Refusal('constructor' as never, 'no')],
]

describe.each(FAULTS)('a check that throws %s', (_name, fault) => {
  it.each([
    [
      'at once',
      (): never => {
        throw fault()
      },
    ],
    ['later', () => Promise.reject(fault())],
  ])('%s lets nobody pass: config_error, 500, cause kept', async (_when, fail) => {
    const verdict = await aGuard([nameAgent(), fail])(aRequest())
    expect(problemOf(verdict)).toMatchObject({ status: 500, code: 'config_error', retry: 'no' })
    expect(verdict.outcome === 'deny' && verdict.refusal.cause).toEqual(fault())
    expect(JSON.stringify(verdict.outcome === 'deny' && verdict.reply)).not.toContain('hunter2')
  })
})

describe.each([
  ['nothing', undefined],
  ['null', null],
  ['false', false],
  ['true', true],
  ['a text', 'verified'],
  ['a number', 1],
])('a check that answers %s', (_name, answer) => {
  it.each([
    ['at once', () => answer],
    ['later', async () => answer],
  ])('%s lets nobody pass', async (_when, run) => {
    const verdict = await aGuard([nameAgent(), run as Check])(aRequest())
    expect(codeOf(verdict)).toBe('config_error')
  })
})

describe('a check that promises a fact', () => {
  it.each([{}, { freshness: undefined }, Object.create({ freshness: {} })])(
    'and answers %p lets nobody pass',
    (answer) => {
      const forgetful = describedAs('prevent_replay', ['freshness'], () => answer)
      const verdict = atOnce(aGuard([nameAgent(), forgetful])(aRequest()))
      expect(verdict.outcome === 'deny' && verdict.refusal.message).toBe(
        'prevent_replay promises freshness and does not add it',
      )
    },
  )

  it('may leave what an earlier check established', () => {
    const keeps = describedAs('keeps', ['agent'], () => ({}))
    expect(atOnce(aGuard([nameAgent(), keeps])(aRequest())).outcome).toBe('allow')
  })
})

describe('what a check answers may be a promise of any make', () => {
  const refusal = new Refusal('signature_invalid', 'no')
  const accept: Settle = (resolve) => resolve({})
  const refuse: Settle = (_resolve, reject) => reject(refusal)
  const settleTwice: Settle = (resolve, reject) => {
    reject(refusal)
    resolve({})
  }
  const breaks: Settle = () => {
    throw new Error('broken')
  }

  it.each([
    ['an object that can be awaited', thenableOf(accept), undefined],
    ['a function that can be awaited', thenableOf(refuse, () => ({})), 'signature_invalid'],
    ['one that settles twice', thenableOf(settleTwice), 'signature_invalid'],
    ['one that throws', thenableOf(breaks), 'config_error'],
    ['a promise of a promise', Promise.resolve().then(() => Promise.reject(refusal)), 'signature_invalid'],
  ])('%s', async (_name, answer, code) => {
    const pending = aGuard([nameAgent(), () => answer])(aRequest())
    expect(isThenable<Verdict>(pending)).toBe(true)
    expect(codeOf(await pending)).toBe(code)
  })
})

describe('a guard never throws and never rejects', () => {
  const broken = (): never => {
    throw new Error('broken')
  }
  const observers: readonly Observer[] = [{ decided: () => undefined }]

  it.each([
    ['a clock', [nameAgent()], { clock: { ...STOPPED, monotonicMs: broken }, observers }, {}],
    ['a clock, once the check is done', [async () => ({})], { clock: { ...STOPPED, wallMs: broken }, observers }, {}],
    ['a request without identity', [nameAgent()], {}, { raw: undefined as never }],
    ['the adapter’s header fields', [nameAgent()], {}, { headers: undefined as never }],
    [
      'the adapter’s header fields, once refused',
      [async () => broken()],
      {},
      { headers: { ...aRequest().headers, has: broken } },
    ],
  ] as const)('when %s fails', async (_name, checks, options, request) => {
    const verdict = await aGuard(checks as readonly Check[], options)({ ...aRequest(), ...request })
    expect([codeOf(verdict), problemOf(verdict)['status']]).toEqual(['config_error', 500])
  })

  it('and counts such failures', () => {
    const names: string[] = []
    const options = { observers: [{ measured: ({ name }: { name: string }) => void names.push(name) }] }
    atOnce(aGuard([nameAgent()], options)(aRequest({ raw: undefined as never })))
    expect(names).toEqual(['guard_failures_total'])
  })

  it('and lets pass when it only observes', () => {
    const verdict = atOnce(aGuard([nameAgent()], { mode: 'observe' })(aRequest({ raw: undefined as never })))
    expect(verdict).toMatchObject({ outcome: 'allow', agent: undefined, observed: { code: 'config_error' } })
  })

  it('when a refusal cannot be written down', () => {
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    const check: Check = () => {
      throw new Refusal('signature_invalid', 'no', { diagnosis: circular })
    }
    expect(codeOf(atOnce(aGuard([check], { development: true })(aRequest())))).toBe('config_error')
  })
})
