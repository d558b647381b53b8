import type { MetricRow } from '@countermark/core'
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  register as globalRegister,
  type OpenMetricsContentType,
  Registry,
} from 'prom-client'
import { thrownCode } from '../../../test/support/outcomes.ts'
import { prometheusMetrics, renderMetrics } from '../src/index.ts'
import { VERSION } from '../src/metric-book.ts'
import { aDecision, anOutcome } from './a-decision.ts'

function watch(options: Parameters<typeof prometheusMetrics>[0] = {}) {
  const register = new Registry()
  const metrics = prometheusMetrics({ register, ...options })
  const decide = (...given: Parameters<typeof aDecision>): void => {
    const decision = aDecision(...given)
    metrics.decided(decision)
    metrics.finished(decision, anOutcome(decision.status ?? 200))
  }
  return { register, metrics, decide, text: () => register.metrics() }
}

const ROW: MetricRow = { name: 'things_total', kind: 'counter', help: 'Things', labels: { kind: ['a', 'b'] } }

function codeFor(options: object): string | undefined {
  return thrownCode(() => prometheusMetrics({ register: new Registry(), ...options }))
}

describe('prometheusMetrics', () => {
  it('counts an allowed decision with its route when the response has ended', async () => {
    const { decide, text } = watch()
    decide({ agentId: 'agt_1', template: '/orders/:id' })
    expect(await text()).toContain(
      'countermark_decisions_total{check="verifySignature",outcome="allow",code="none",route="/orders/:id",agent="agt_1"} 1\n',
    )
  })

  it('counts a refusal once, at once', async () => {
    const { metrics, text } = watch()
    metrics.decided(aDecision({ code: 'key_unknown' }))
    metrics.finished(aDecision({ code: 'key_unknown' }), anOutcome(401))
    expect((await text()).match(/^countermark_decisions_total.*/gm)).toEqual([
      'countermark_decisions_total{check="verifySignature",outcome="deny",code="key_unknown",route="unmatched",agent="unverified"} 1',
    ])
  })

  it('finds the route of a refused request among the templates seen before', async () => {
    const { decide, text } = watch()
    decide({ agentId: 'agt_1', template: '/orders/:id' })
    decide({ code: 'signature_invalid', path: '/orders/7' })
    expect(await text()).toContain('countermark_signature_failures_total{agent="unverified",route="/orders/:id"} 1\n')
  })

  it('counts a failed signature for the agent whose key the request names, once that agent was verified', async () => {
    const { decide, text } = watch()
    decide({ agentId: 'agt_1' })
    decide({ code: 'signature_invalid', details: { claimedAgent: 'agt_1' } })
    expect(await text()).toContain('countermark_signature_failures_total{agent="agt_1",route="unmatched"} 1\n')
  })

  it('shows failed signatures of an agent on a route at 0 from the first accepted one on', async () => {
    const { decide, text } = watch()
    decide({ agentId: 'agt_1', template: '/orders' })
    expect(await text()).toContain('countermark_signature_failures_total{agent="agt_1",route="/orders"} 0\n')
  })

  it.each(['identified', 'bearer', 'signed'] as const)(
    'shows an agent of level %s by its id if it is proven',
    async (level) => {
      const { decide, text } = watch()
      decide({ agentId: 'agt_1', level })
      expect(/agent="agt_1"/.test(await text())).toBe(level !== 'identified')
    },
  )

  it('shows the first agents and counts the rest together', async () => {
    const { decide, text } = watch({ agents: { max: 2 } })
    for (const id of ['agt_1', 'agt_2', 'agt_3', 'agt_4', 'agt_1']) decide({ agentId: id })
    const counts = [...(await text()).matchAll(/^countermark_decisions_total.*agent="(.*)"} (\d)$/gm)]
    expect(counts.map(([, agent, count]) => `${agent} ${count}`)).toEqual(['agt_1 2', 'agt_2 1', 'other 2'])
  })

  it('shows only the agents that are listed', async () => {
    const { decide, text } = watch({ agents: { only: ['agt_2'] } })
    for (const id of ['agt_1', 'agt_2']) decide({ agentId: id })
    expect([...(await text()).matchAll(/^countermark_decisions.*agent="(.*)"/gm)].map(([, agent]) => agent)).toEqual([
      'other',
      'agt_2',
    ])
  })

  it('counts a request once, however many guards it passes, and says whether it was aborted', async () => {
    const { metrics, text } = watch()
    metrics.finished(aDecision(), anOutcome(200, { aborted: true }))
    metrics.finished(aDecision(), anOutcome(200, { aborted: true, repeated: true }))
    expect(await text()).toMatch(/requests_total{status="2xx"} 1\n[\s\S]*requests_aborted_total 1\n/)
  })

  it('shows when the key ends that an agent used', async () => {
    const { metrics, decide, text } = watch()
    metrics.described({ checks: [{ name: 'verifySignature', adds: ['proof'] }], rows: [] })
    decide({ agentId: 'agt_1', facts: { proof: { keyNotAfter: 1_800_000_000 } as never } })
    expect(await text()).toContain('countermark_key_expiry_timestamp_seconds{agent="agt_1"} 1800000000\n')
  })

  it('shows no end any more once the agent uses a key without one', async () => {
    const { metrics, decide, text } = watch()
    metrics.described({ checks: [{ name: 'verifySignature', adds: ['proof'] }], rows: [] })
    decide({ agentId: 'agt_1', facts: { proof: { keyNotAfter: 1_800_000_000 } as never } })
    decide({ agentId: 'agt_1', facts: { proof: {} as never } })
    expect(await text()).not.toContain('countermark_key_expiry_timestamp_seconds{')
  })

  it('shows when an agent first used a capability, as the route declares it', async () => {
    const { metrics, decide, text } = watch()
    metrics.described({ checks: [{ name: 'requireCapability', adds: ['capability'] }], rows: [] })
    const facts = { capability: { used: ['dns:a:write'], declared: ['dns:{zone}:write'] } }
    for (const atMs of [1_764_000_000_000, 1_764_000_009_000])
      decide({ agentId: 'a', check: 'requireCapability', facts, atMs })
    expect(await text()).toContain('capability_uses_total{agent="a",capability="dns:{zone}:write"} 2\n')
    expect(await text()).toContain('first_used_timestamp_seconds{agent="a",capability="dns:{zone}:write"} 1764000000\n')
  })

  it('shows what packages describe at 0 and counts what they report', async () => {
    const { metrics, text } = watch()
    metrics.described({ checks: [], rows: [ROW] })
    metrics.measured({ name: 'things_total', kind: 'counter', value: 2, labels: { kind: 'b' } })
    expect(await text()).toContain('countermark_things_total{kind="a"} 0\ncountermark_things_total{kind="b"} 2\n')
  })

  it('puts a value that is not listed under other', async () => {
    const { metrics, text } = watch()
    metrics.described({ checks: [], rows: [ROW] })
    metrics.measured({ name: 'things_total', kind: 'counter', value: 1, labels: { kind: 'c"\n' } })
    expect(await text()).toContain('countermark_things_total{kind="other"} 1\n')
  })

  it('counts what no package has described', async () => {
    const { metrics, text } = watch()
    metrics.measured({ name: 'strangers_total', kind: 'counter', value: 1 })
    expect(await text()).toContain('countermark_measurements_unknown_total 1\n')
  })

  it('reads what is read, and shows the worst of two that say so', async () => {
    const { metrics, text } = watch()
    const row = { name: 'degraded', kind: 'gauge', help: 'Degraded', labels: { dependency: ['keys'] } } as const
    metrics.described({
      checks: [],
      rows: [
        { ...row, read: () => 1 },
        { ...row, read: () => 0 },
      ],
    })
    expect(await text()).toContain('countermark_degraded{dependency="keys"} 1\n')
  })

  it.each([
    ['an unknown option', { registry: new Registry() }, 'ERR_OPTION_UNKNOWN'],
    ['a prefix that is none', { prefix: '9' }, 'ERR_OPTION_INVALID'],
    ['a register that is none', { register: {} }, 'ERR_OPTION_INVALID'],
    ['too few series', { maxSeries: 1 }, 'ERR_OPTION_INVALID'],
    ['agents that are no list', { agents: { only: 'agt_1' } }, 'ERR_OPTION_INVALID'],
  ])('does not start with %s', (_what, options, code) => expect(codeFor(options)).toBe(code))

  it('names a nested option in full', () => {
    expect(() => prometheusMetrics({ register: new Registry(), agents: { max: -1 } })).toThrow('agents.max must be')
  })

  it('states the version of the package', async () => {
    const { version }: { readonly version: string } = require('../package.json')
    expect([VERSION, (await watch().text()).includes(`build_info{version="${version}"`)]).toEqual([version, true])
  })
})

describe('a register of the application', () => {
  it('keeps its own metrics and default labels', async () => {
    const { register, decide, text } = watch()
    new Counter({ name: 'app_orders_total', help: 'Orders', registers: [register] }).inc(3)
    register.setDefaultLabels({ app: 'shop', agent: 'nobody' })
    decide({ agentId: 'agt_1' })
    expect(await text()).toContain('app_orders_total{app="shop",agent="nobody"} 3\n')
    expect(await text()).toContain('route="unmatched",agent="agt_1",app="shop"} 1\n')
  })

  it('says the same by register.metrics()', async () => {
    const { register, decide, text } = watch()
    decide({ agentId: 'agt_1', template: '/orders' })
    decide({ code: 'replay_detected' })
    const lines = (written: string): readonly string[] =>
      written
        .split('\n')
        .filter((line) => line !== '')
        .sort()
    expect(lines(await renderMetrics(register))).toEqual(lines(await text()))
  })

  it('says the same in the format of OpenMetrics', async () => {
    const register = new Registry<OpenMetricsContentType>()
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    const metrics = prometheusMetrics({ register, exemplar: () => ({ trace_id: 'abc' }) })
    metrics.decided(aDecision({ code: 'replay_detected' }))
    const lines = (written: string): readonly string[] =>
      written
        .split('\n')
        .filter((line) => line !== '')
        .sort()
    const text = await renderMetrics(register)
    expect(lines(text)).toEqual(lines(await register.metrics()))
    expect(text).toMatch(
      /check_duration_seconds_bucket{le="0.00025",check="verifySignature"} 1 # {trace_id="abc"} 0.0002 /,
    )
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it('is shared by observers, and by those that are made anew', async () => {
    const { register, decide, text } = watch()
    decide({ agentId: 'agt_1' })
    const again = prometheusMetrics({ register })
    again.finished(aDecision({ agentId: 'agt_1' }), anOutcome())
    expect(await text()).toContain('agent="agt_1"} 2\n')
  })

  it('may be the global one, with default metrics', async () => {
    collectDefaultMetrics()
    prometheusMetrics()
    expect(await renderMetrics()).toMatch(/countermark_build_info[\s\S]*|process_cpu/)
    expect(await renderMetrics()).toContain('process_cpu_seconds_total')
    globalRegister.clear()
  })

  it('is refused when it has another metric of one of the names', () => {
    const register = new Registry()
    new Gauge({ name: 'countermark_build_info', help: 'Mine', registers: [register] })
    expect(() => prometheusMetrics({ register })).toThrow('choose another prefix')
  })

  it('gives JSON for clusters', async () => {
    const { register, decide } = watch()
    decide({ agentId: 'agt_1' })
    const found = (await register.getMetricsAsJSON()).find(({ name }) => name === 'countermark_decisions_total')
    expect(found).toMatchObject({
      type: 'counter',
      aggregator: 'sum',
      values: [{ value: 1, labels: { agent: 'agt_1' } }],
    })
  })
})

describe('an attacker', () => {
  it('cannot take the labels of agents by naming them in requests that prove nothing', async () => {
    const { decide, text } = watch({ agents: { max: 2 } })
    for (const claimedAgent of ['agt_1', 'agt_2', 'agt_3'])
      decide({ code: 'signature_invalid', details: { claimedAgent } })
    decide({ agentId: 'agt_9' })
    const counts = [...(await text()).matchAll(/^countermark_decisions_total.*agent="(.*)"} (\d)$/gm)]
    expect(counts.map(([, agent, count]) => `${agent} ${count}`)).toEqual(['unverified 3', 'agt_9 1'])
  })

  it('is counted for an agent that the options list', async () => {
    const { decide, text } = watch({ agents: { only: ['agt_1'] } })
    decide({ code: 'signature_invalid', details: { claimedAgent: 'agt_1' } })
    expect(await text()).toContain('countermark_signature_failures_total{agent="agt_1",route="unmatched"} 1\n')
  })

  it('cannot break out of a label', async () => {
    const { metrics, text } = watch()
    const open: MetricRow = { ...ROW, name: 'open_total', labels: { kind: { atMost: 8 } } }
    metrics.described({ checks: [], rows: [open] })
    for (const kind of ['"} 1\nforged_total{a="', '\\', '\u0085\u2028']) {
      metrics.measured({ name: 'open_total', kind: 'counter', value: 1, labels: { kind } })
    }
    const shown = await text()
    expect([
      shown.match(/^forged_total/m),
      shown.match(/^countermark_open_total{kind="(?:[^"\\\n]|\\.)*"} 1$/gm)?.length,
    ]).toEqual([null, 3])
  })

  it('cannot add series by ids, paths, codes or keys of its choosing', async () => {
    const { metrics, text } = watch()
    const attack = (round: number): void => {
      for (let each = 0; each < 50_000; each++) {
        const name = `x${round}-${each}`
        const decision = aDecision({ code: 'key_unknown', agentId: name, level: 'identified', path: `/${name}` })
        metrics.decided(decision)
        metrics.finished(decision, anOutcome(401))
        metrics.measured({ name: 'challenge_failures_total', kind: 'counter', value: 1, labels: { check: name } })
      }
    }
    attack(1)
    const before = (await text()).split('\n').length
    attack(2)
    expect((await text()).split('\n').length).toBe(before)
    expect((await text()).length).toBeLessThan(200_000)
  })

  it('with a key cannot push others out of sight beyond the bound of all series', async () => {
    const { metrics, decide, text } = watch({ maxSeries: 1_000, agents: { max: 1_000 }, maxRoutes: 1_000 })
    for (let each = 0; each < 3_000; each++) decide({ agentId: `agt_${each}`, template: `/r${each}` })
    const shown = await text()
    expect(shown.split('\n').filter((line) => !line.startsWith('#')).length).toBeLessThan(1_200)
    expect(shown).toMatch(/countermark_series_merged_total [1-9]/)
    expect(metrics.topFailures()).toEqual([])
  })
})
