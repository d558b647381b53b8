import { type Check, type Decision, defineCheck, type Observer } from '../src/index.ts'
import { aFactory, aGuard, aRequest, atOnce, codeOf, nameAgent, refuseWith } from './guarding.ts'
import { watch } from './watch.ts'

const fail = (): never => {
  throw new Error('the disk is full')
}

describe('an observer', () => {
  it('is told each decision once', () => {
    const { observer, decisions } = watch()
    const compose = aFactory({ observers: [observer] })
    atOnce(compose([nameAgent()])(aRequest()))
    atOnce(compose([refuseWith('signature_invalid')])(aRequest()))
    expect(decisions.map(({ outcome, check, status }) => [outcome, check, status])).toEqual([
      ['allow', 'name_agent', undefined],
      ['deny', 'refuse', 401],
    ])
  })

  it('is told who was refused when that was known', () => {
    const { observer, decisions } = watch()
    atOnce(aGuard([nameAgent(), refuseWith('replay_detected')], { observers: [observer] })(aRequest()))
    expect(decisions[0]).toMatchObject({
      agent: { id: 'agt_buyer' },
      facts: { agent: { id: 'agt_buyer' } },
      anonymous: false,
    })
  })

  it('is told how long each check took, the one that refused included', async () => {
    let now = 0
    const clock = { wallMs: () => 5, monotonicMs: () => now }
    const take = (ms: number, check: Check): Check => {
      const run: Check = (request, facts, environment) => {
        now += ms
        return check(request, facts, environment)
      }
      return defineCheck({ name: `take_${ms}`, needs: [], adds: [] }, run)
    }
    const { observer, decisions } = watch()
    const checks = [take(3, nameAgent()), take(4, async () => ({})), take(5, refuseWith('key_unknown'))]
    await aGuard(checks, { observers: [observer], clock })(aRequest())
    expect(decisions[0]?.timings).toEqual([
      { check: 'take_3', durationMs: 3 },
      { check: 'take_4', durationMs: 4 },
      { check: 'take_5', durationMs: 5 },
    ])
    expect(decisions[0]?.atMs).toBe(5)
  })

  it('is told how the request ended, counted from the first guard', () => {
    let now = 100
    const { observer, outcomes, decisions } = watch()
    const compose = aFactory({ observers: [observer], clock: { wallMs: () => 0, monotonicMs: () => now } })
    const request = aRequest()
    atOnce(compose([nameAgent()])(request))
    now = 140
    const verdict = atOnce(compose([])(request))
    now = 150
    verdict.finish?.(204, false)
    expect(outcomes).toEqual([{ requestId: decisions[0]?.requestId, status: 204, durationMs: 50, aborted: false }])
  })

  it('changes nothing by throwing, and is counted', () => {
    const { observer, counted } = watch()
    const throwing: Observer = { decided: fail, finished: fail, measured: fail }
    const guard = aGuard([nameAgent()], { observers: [throwing, observer], onRefusal: fail })
    const verdict = atOnce(guard(aRequest()))
    verdict.finish?.(200, false)
    expect([verdict.outcome, counted]).toEqual(['allow', ['observer_failures_total', 'observer_failures_total']])
  })

  it('cannot rewrite a decision, neither while it is recorded nor afterwards', () => {
    const rewrite = (decision: Decision): void => void Object.assign(decision, { refusal: undefined, outcome: 'allow' })
    const { observer, counted } = watch()
    const recorder = { record: rewrite }
    const safe = aGuard([refuseWith('key_unknown')], {
      observers: [{ decided: rewrite }, observer],
      onRefusal: rewrite,
    })
    const unsafe = aGuard([refuseWith('key_unknown')], { recorder, observers: [observer] })
    expect([codeOf(atOnce(safe(aRequest()))), codeOf(atOnce(unsafe(aRequest())))]).toEqual([
      'key_unknown',
      'key_unknown',
    ])
    expect(counted).toEqual(['observer_failures_total', 'observer_failures_total', 'audit_failures_total'])
  })

  it('of nothing costs no decision', () => {
    let read = 0
    const clock = { wallMs: () => read++, monotonicMs: () => read++ }
    const verdict = atOnce(aGuard([nameAgent()], { clock })(aRequest()))
    expect([verdict.finish, read]).toEqual([undefined, 0])
  })

  it('is told of nobody who is known as anonymous', () => {
    const { observer, decisions } = watch()
    const compose = aFactory({ observers: [observer] })
    const request = aRequest()
    atOnce(compose([refuseWith('credentials_missing')], { optional: true })(request))
    atOnce(compose([nameAgent()])(request))
    expect(decisions.map(({ anonymous }) => anonymous)).toEqual([true, false])
  })
})

describe('onRefusal', () => {
  it('is called for refusals, observed ones included, and for nothing else', () => {
    const codes: unknown[] = []
    const compose = aFactory({ onRefusal: ({ refusal, outcome }) => void codes.push([refusal?.code, outcome]) })
    atOnce(compose([nameAgent()])(aRequest()))
    atOnce(compose([refuseWith('key_unknown')])(aRequest()))
    atOnce(compose([refuseWith('key_unknown')], { mode: 'observe' })(aRequest()))
    expect(codes).toEqual([
      ['key_unknown', 'deny'],
      ['key_unknown', 'observe'],
    ])
  })
})

describe('a guard that only observes', () => {
  it.each(['signature_invalid', 'config_error', 'overloaded'] as const)(
    'lets pass what it would refuse: %s',
    (code) => {
      const verdict = atOnce(aGuard([nameAgent(), refuseWith(code)], { mode: 'observe' })(aRequest({ method: 'POST' })))
      expect(verdict).toMatchObject({ outcome: 'allow', agent: undefined, observed: { code } })
    },
  )

  it('lets pass requests whose shape is wrong, again in the next guard', () => {
    const compose = aFactory({ mode: 'observe' })
    const request = aRequest({ target: '//evil.example' })
    const observed = [compose([nameAgent()])(request), compose([])(request)].map(atOnce)
    expect(observed.map((verdict) => verdict.outcome === 'allow' && verdict.observed?.code)).toEqual([
      'request_malformed',
      'request_malformed',
    ])
  })

  it('leaves no fact behind of what it would refuse', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([nameAgent(), refuseWith('replay_detected')], { mode: 'observe' })(request))
    expect(codeOf(atOnce(compose([])(request)))).toBe('credentials_missing')
  })

  it('keeps what an earlier guard established', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([nameAgent()])(request))
    const verdict = atOnce(compose([refuseWith('agent_mismatch')], { mode: 'observe' })(request))
    expect(verdict).toMatchObject({ outcome: 'allow', agent: { id: 'agt_buyer' } })
  })

  it('tells the status that would have been answered', () => {
    const { observer, decisions } = watch()
    const options = { mode: 'observe', statusMode: 'seed', observers: [observer] } as const
    atOnce(aGuard([refuseWith('signature_invalid')], options)(aRequest()))
    expect(decisions[0]).toMatchObject({ outcome: 'observe', status: 403, refusal: { code: 'signature_invalid' } })
  })

  it('establishes what it would allow', () => {
    const verdict = atOnce(aGuard([nameAgent()], { mode: 'observe' })(aRequest()))
    expect(verdict).toMatchObject({ outcome: 'allow', agent: { id: 'agt_buyer' }, observed: undefined })
  })
})
