import { type Check, type Facts, Refusal } from '../src/index.ts'
import { isThenable, type Verdict } from '../src/internal.ts'
import { aFactory, aGuard, aRequest, atOnce, codeOf, nameAgent, refuseWith } from './guarding.ts'

describe('a guard', () => {
  it('lets pass what every check lets pass, and says who calls', () => {
    const verdict = atOnce(aGuard([nameAgent()])(aRequest()))
    expect(verdict).toMatchObject({ outcome: 'allow', agent: { id: 'agt_buyer', level: 'signed' } })
  })

  it('stops at the first check that refuses', () => {
    let runs = 0
    const count: Check = () => ({ runs: runs++ })
    const verdict = atOnce(aGuard([nameAgent(), refuseWith('signature_invalid'), count])(aRequest()))
    expect([codeOf(verdict), runs]).toEqual(['signature_invalid', 0])
  })

  it('gives each check what those before it found', () => {
    const seen: unknown[] = []
    const look: Check<Pick<Facts, 'agent'>> = (_request, { agent }) => ({ looked: seen.push(agent.id) })
    atOnce(aGuard([nameAgent(), look as Check])(aRequest()))
    expect(seen).toEqual(['agt_buyer'])
  })

  it('refuses when no check says who calls', () => {
    expect(codeOf(atOnce(aGuard([() => ({})])(aRequest())))).toBe('config_error')
    expect(codeOf(atOnce(aGuard([])(aRequest())))).toBe('config_error')
  })

  it('answers in the order of its checks, whichever of them wait', async () => {
    const order: number[] = []
    const step = (number: number, wait: boolean): Check => {
      return () => {
        order.push(number)
        return wait ? new Promise((resolve) => setImmediate(resolve, {})) : {}
      }
    }
    const guard = aGuard([step(1, true), step(2, false), step(3, true), nameAgent(), step(4, false)])
    expect(await guard(aRequest())).toMatchObject({ outcome: 'allow' })
    expect(order).toEqual([1, 2, 3, 4])
  })
})

describe('a guard whose checks answer at once', () => {
  it.each([
    ['allows', [nameAgent()]],
    ['refuses', [refuseWith('signature_invalid')]],
    ['fails', [() => null as never]],
  ] as const)('%s without a promise', (_name, checks) => {
    expect(isThenable<Verdict>(aGuard(checks)(aRequest()))).toBe(false)
  })

  it('observed and recorded, does so without a promise', () => {
    const options = { observers: [{ decided: () => undefined }], recorder: { record: () => undefined } }
    expect(isThenable<Verdict>(aGuard([nameAgent()], options)(aRequest()))).toBe(false)
  })

  it('waits only where one of them waits', async () => {
    const verdict = aGuard([nameAgent(), async () => ({})])(aRequest())
    expect(isThenable<Verdict>(verdict)).toBe(true)
    expect(await verdict).toMatchObject({ outcome: 'allow' })
  })
})

describe('the minimum level', () => {
  it.each([
    ['GET', 'identified', undefined],
    ['HEAD', 'bearer', undefined],
    ['OPTIONS', 'identified', undefined],
    ['POST', 'bound', 'scheme_not_allowed'],
    ['POST', 'signed', undefined],
    ['DELETE', 'identified', 'scheme_not_allowed'],
    ['TRACE', 'bound', 'scheme_not_allowed'],
    ['get', 'bound', 'scheme_not_allowed'],
    ['PURGE', 'bound', 'scheme_not_allowed'],
  ] as const)('judges %s by a caller of level %s', (method, level, code) => {
    expect(codeOf(atOnce(aGuard([nameAgent(level)])(aRequest({ method }))))).toBe(code)
  })

  it('refuses a level that does not exist', () => {
    expect(codeOf(atOnce(aGuard([nameAgent('root' as never)])(aRequest())))).toBe('scheme_not_allowed')
  })

  it('is judged by each guard for its own route', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([nameAgent('bearer')])(request))
    expect(codeOf(atOnce(compose([], { minimumLevel: 'signed' })(request)))).toBe('scheme_not_allowed')
  })
})

describe('an optional guard', () => {
  const optional = { optional: true }

  it('lets nobody pass as nobody', () => {
    const verdict = atOnce(aGuard([refuseWith('credentials_missing')], {}, optional)(aRequest({ method: 'POST' })))
    expect(verdict).toMatchObject({ outcome: 'allow', agent: undefined })
  })

  it.each(['signature_invalid', 'scheme_not_allowed', 'key_unknown', 'request_malformed'] as const)(
    'refuses what is wrong: %s',
    (code) => expect(codeOf(atOnce(aGuard([refuseWith(code)], {}, optional)(aRequest())))).toBe(code),
  )

  it('leaves no fact of a check that ran before', () => {
    const compose = aFactory()
    const request = aRequest()
    const verdict = atOnce(compose([nameAgent(), refuseWith('credentials_missing')], optional)(request))
    expect([verdict.outcome === 'allow' && verdict.agent, codeOf(atOnce(compose([])(request)))]).toEqual([
      undefined,
      'credentials_missing',
    ])
  })

  it('still asks for the level of its route when an earlier guard knows who calls', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([nameAgent('bearer')])(request))
    const strict = compose([refuseWith('credentials_missing')], { optional: true, minimumLevel: 'signed' })
    expect(codeOf(atOnce(strict(request)))).toBe('scheme_not_allowed')
  })
})

describe('a refusal', () => {
  it('keeps its class, its code and its cause', () => {
    const cause = new Error('underneath')
    const check: Check = () => {
      throw new Refusal('key_unknown', 'expected a registered key', { cause })
    }
    const verdict = atOnce(aGuard([check])(aRequest()))
    expect(verdict.outcome === 'deny' && [verdict.refusal.code, verdict.refusal.cause]).toEqual(['key_unknown', cause])
  })
})
