import fc from 'fast-check'
import { shareOf } from '../src/guard/rollout.ts'
import { type AgentFact, type Check, defineCheck, type GuardOptions } from '../src/index.ts'
import type { Guard, RouteOptions, Verdict } from '../src/internal.ts'
import { aFactory, aGuard, anAgent, aRequest, atOnce, codeOf, refuseWith, thrownBy } from './guarding.ts'
import { watch } from './watch.ts'

const AGENTS = Array.from({ length: 2_000 }, (_, index) => `agt_${index}`)
const shareAt = (percent: number, agentId: string) =>
  shareOf({ percent, by: 'agent' }, { agentId, address: '192.0.2.1' })
const enforcedAt = (percent: number) => AGENTS.filter((agentId) => shareAt(percent, agentId).mode === 'enforce')

function named(id: string): Check<object, { readonly agent: AgentFact }> {
  return defineCheck({ name: 'name_agent', needs: [], adds: ['agent'] }, () => ({ agent: { ...anAgent(), id } }))
}

const isObserved = (verdict: Verdict): boolean => verdict.outcome === 'allow' && verdict.observed !== undefined

describe('the share of callers that is enforced', () => {
  it.each([0, 10, 50, 90, 100])('is %i percent, give or take two', (percent) => {
    expect(Math.abs(enforcedAt(percent).length / 20 - percent)).toBeLessThan(2)
  })

  it('keeps whom it has when it grows', () => {
    const percent = fc.double({ min: 0, max: 100, noNaN: true })
    fc.assert(
      fc.property(fc.string(), percent, percent, (agentId, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)]
        expect(shareAt(less, agentId).mode === 'observe' || shareAt(more, agentId).mode === 'enforce').toBe(true)
      }),
    )
  })

  // Written down: another version, process or machine must put the same agents into it.
  it('is made of the same agents everywhere', () => {
    expect(enforcedAt(10).slice(0, 5)).toEqual(['agt_13', 'agt_14', 'agt_24', 'agt_26', 'agt_34'])
  })

  it('takes a network as a whole', () => {
    const modes = (addresses: readonly string[]) =>
      new Set(addresses.map((address) => shareOf({ percent: 50, by: 'agent' }, { agentId: undefined, address }).mode))
    expect(modes(['192.0.2.1', '192.0.2.254', '::ffff:192.0.2.7']).size).toBe(1)
    expect(modes(['2001:db8:7::1', '2001:db8:7:ffff::1', '2001:db8:7:8000:1:2:3:4']).size).toBe(1)
    expect(modes(Array.from({ length: 64 }, (_, index) => `2001:db8:${index}::1`)).size).toBe(2)
  })
})

describe('a guard that enforces for a share of callers', () => {
  const halfOf = (checks: readonly Check[], options: Partial<GuardOptions> = {}, route: RouteOptions = {}): Guard =>
    aGuard(checks, { enforce: { percent: 50 }, ...options }, route)

  it('refuses those in it, and observes the others', () => {
    const verdicts = AGENTS.slice(0, 100).map((id) => {
      const refused = atOnce(halfOf([named(id), refuseWith('insufficient_scope')])(aRequest()))
      return shareAt(50, id).mode === 'enforce' ? codeOf(refused) === 'insufficient_scope' : isObserved(refused)
    })
    expect(verdicts).not.toContain(false)
  })

  it('tells the mode of each decision, allowed ones included', () => {
    const { observer, decisions } = watch()
    for (const id of AGENTS.slice(0, 20)) atOnce(halfOf([named(id)], { observers: [observer] })(aRequest()))
    expect(decisions.map(({ mode, outcome }) => [mode, outcome])).toEqual(
      AGENTS.slice(0, 20).map((id) => [shareAt(50, id).mode, 'allow']),
    )
  })

  it('counts both shares', () => {
    const { observer, counted } = watch()
    atOnce(halfOf([named('agt_1')], { observers: [observer] })(aRequest()))
    expect(counted).toEqual(['rollout_decisions_total'])
  })

  it('can differ by route, and the route can decide alone', () => {
    const compose = aFactory({ enforce: { percent: 50 } })
    const refusing = [named('agt_1'), refuseWith('insufficient_scope')]
    const ask = (route: RouteOptions) => codeOf(atOnce(compose(refusing, route)(aRequest())))
    expect([ask({ mode: 'enforce' }), ask({ mode: 'observe' })]).toEqual(['insufficient_scope', undefined])
    expect([ask({ enforce: { percent: 100 } }), ask({ enforce: { percent: 0 } })]).toEqual([
      'insufficient_scope',
      undefined,
    ])
  })

  it.each<[string, GuardOptions['enforce'], string]>([
    ['no share', {} as { percent: number }, 'ERR_OPTION_MISSING'],
    ['more than everybody', { percent: 101 }, 'ERR_OPTION_INVALID'],
    ['no number', { percent: Number.NaN }, 'ERR_OPTION_INVALID'],
    ['another way', { percent: 1, by: 'route' as 'agent' }, 'ERR_OPTION_INVALID'],
    ['a misspelt option', { percentage: 1 } as unknown as { percent: number }, 'ERR_OPTION_UNKNOWN'],
  ])('does not start with %s', (_what, enforce, code) => {
    expect(thrownBy(() => aGuard([named('a')], enforce === undefined ? {} : { enforce }))).toMatchObject({ code })
  })

  it('does not start with a mode besides', () => {
    const both = { mode: 'observe', enforce: { percent: 10 } } as const
    expect(thrownBy(() => aGuard([named('a')], both))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
    expect(thrownBy(() => aGuard([named('a')], {}, both))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })
})

describe('an attacker', () => {
  const [observed = ''] = AGENTS.filter((id) => shareAt(50, id).mode === 'observe')
  const half = { enforce: { percent: 50 } } as const
  const networks = Array.from({ length: 64 }, (_, index) => `198.51.${index}.1`)
  const shareOfNetwork = (address: string) => shareOf({ percent: 50, by: 'network' }, { agentId: undefined, address })
  const enforcedNetwork = networks.find((address) => shareOfNetwork(address).mode === 'enforce') ?? ''
  const observedNetwork = networks.find((address) => shareOfNetwork(address).mode === 'observe') ?? ''

  it('does not reach the observed share by naming an agent that belongs to it', () => {
    const claiming = defineCheck({ name: 'claim', needs: [], adds: [] }, (request) =>
      refuseWith('signature_invalid')(request, {}, {} as never),
    )
    const codes = AGENTS.slice(0, 50).map((id) =>
      codeOf(
        atOnce(
          aGuard(
            [claiming],
            half,
          )(aRequest({ remoteAddress: enforcedNetwork, rawHeaders: ['Host', 'api.example.com', 'Agent-ID', id] })),
        ),
      ),
    )
    expect(new Set(codes)).toEqual(new Set(['signature_invalid']))
  })

  it.each(['replay_detected', 'freshness_unproven', 'replay_store_unavailable', 'signature_expired'] as const)(
    'does not reach it by a copy of a request of an agent that belongs to it: %s',
    (code) => {
      const guard = aGuard([named(observed), refuseWith(code)], half)
      expect(codeOf(atOnce(guard(aRequest({ remoteAddress: enforcedNetwork }))))).toBe(code)
    },
  )

  it('gains nothing by leaving its credentials out where networks decide', () => {
    const guard = (checks: readonly Check[]) => aGuard(checks, { enforce: { percent: 50, by: 'network' } })
    const refusing = [
      guard([named(observed), refuseWith('insufficient_scope')]),
      guard([refuseWith('credentials_missing')]),
    ]
    const outcomes = (address: string) =>
      refusing.map((one) => atOnce(one(aRequest({ remoteAddress: address }))).outcome)
    expect([outcomes(enforcedNetwork), outcomes(observedNetwork)]).toEqual([
      ['deny', 'deny'],
      ['allow', 'allow'],
    ])
  })
})
