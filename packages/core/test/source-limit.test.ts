import { createSourceLimiter, type SourceLimit, sourceLimit } from '../src/guard/source-limit.ts'
import { Unavailable } from '../src/refusal/refusal.ts'
import { aGuard, aRequest, atOnce, codeOf } from './guarding.ts'

function start(options: SourceLimit = { perSecond: 2, burst: 3 }) {
  const settings = sourceLimit.read('sourceLimit', options, 'createGuard')
  if (settings === undefined) throw new Error('the limit is off')
  const limiter = createSourceLimiter(settings)
  let nowMs = 0
  return {
    advance: (ms: number) => {
      nowMs += ms
    },
    charge: (address: string | undefined, times = 1) => {
      for (let count = 0; count < times; count++) limiter.charge(address, nowMs)
    },
    wait: (address: string | undefined) =>
      limiter.secondsToWait(
        () => address,
        () => nowMs,
      ),
  }
}

describe('a limit for each network', () => {
  it('refuses once the burst is used up, and says for how long', () => {
    const { charge, wait } = start()
    charge('192.0.2.1', 2)
    expect(wait('192.0.2.1')).toBe(0)
    charge('192.0.2.1')
    expect(wait('192.0.2.1')).toBe(1)
  })

  it('is about /24 of IPv4 and /64 of IPv6', () => {
    const { charge, wait } = start()
    charge('192.0.2.1', 3)
    charge('2001:db8:0:1::1', 3)
    expect([wait('192.0.2.254'), wait('192.0.3.1')]).toEqual([1, 0])
    expect([wait('2001:db8:0:1:ffff::2'), wait('2001:db8:0:2::1')]).toEqual([1, 0])
  })

  it('comes back with time', () => {
    const { charge, wait, advance } = start()
    charge('192.0.2.1', 3)
    advance(499)
    expect(wait('192.0.2.1')).toBe(1)
    advance(1)
    expect(wait('192.0.2.1')).toBe(0)
    charge('192.0.2.1')
    expect(wait('192.0.2.1')).toBe(1)
    advance(60_000)
    charge('192.0.2.1', 2)
    expect(wait('192.0.2.1')).toBe(0)
  })

  it('holds all callers whose address is not known together', () => {
    const { charge, wait } = start()
    charge(undefined, 3)
    expect([wait(undefined), wait('192.0.2.1')]).toEqual([1, 0])
  })

  it('asks for no address while no network has used up its burst', () => {
    const limiter = createSourceLimiter({ perSecond: 1, burst: 2, maxSources: 10 })
    limiter.charge('192.0.2.1', 0)
    const asked = jest.fn(() => '192.0.2.1')
    expect([limiter.secondsToWait(asked, () => 0), asked.mock.calls.length]).toEqual([0, 0])
  })

  it('remembers so many networks, and those that were heard of last', () => {
    const { charge, wait } = start({ perSecond: 1, burst: 1, maxSources: 2 })
    charge('192.0.2.1')
    charge('192.0.3.1')
    charge('192.0.2.1')
    charge('192.0.4.1')
    expect([wait('192.0.2.1') > 0, wait('192.0.3.1') > 0, wait('192.0.4.1') > 0]).toEqual([true, false, true])
  })

  it.each([
    [{ perSecond: 0 }],
    [{ burst: 0 }],
    [{ perSecond: Number.NaN }],
    [{ maxSources: 2_000_000 }],
    [{ perMinute: 5 }],
    [null],
    ['on'],
  ])('does not start: %j', (limit) => {
    expect(() => sourceLimit.read('sourceLimit', limit, 'createGuard')).toThrow(
      expect.objectContaining({ name: 'Misconfigured' }),
    )
  })
})

describe('a dependency that cannot answer', () => {
  it.each([
    ['is not held against the network that asked', false, 'key_source_unavailable'],
    ['is, where the network spent what there was to ask', true, 'rate_limited'],
  ])('%s', (_name, isOfSource, code) => {
    const fail = (): never => {
      throw new Unavailable('key_source_unavailable', 'keys', 'no look-up is left', { isOfSource })
    }
    const guard = aGuard([fail], { sourceLimit: { perSecond: 1, burst: 1 } })
    atOnce(guard(aRequest()))
    expect(codeOf(atOnce(guard(aRequest())))).toBe(code)
  })
})
