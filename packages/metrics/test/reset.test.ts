import type { MetricRow } from '@countermark/core'
import { Gauge, type OpenMetricsContentType, Registry } from 'prom-client'
import { prometheusMetrics, renderMetrics } from '../src/index.ts'
import { aDecision, anOutcome } from './a-decision.ts'

/** An observer in a register of the given format, and what both ways of writing say. */
function watch(register: Registry<OpenMetricsContentType> | Registry = new Registry()) {
  const metrics = prometheusMetrics({ register, exemplar: () => ({ trace_id: 'abc' }) })
  const decide = (durationMs = 0.2): void => {
    const decision = aDecision({ agentId: 'agt_1', timings: [{ check: 'verifySignature', durationMs }] })
    metrics.decided(decision)
    metrics.finished(decision, anOutcome())
  }
  const texts = async (): Promise<readonly [string, string]> => [
    await renderMetrics(register),
    await register.metrics(),
  ]
  return { register, metrics, decide, texts }
}

function openMetricsRegister(): Registry<OpenMetricsContentType> {
  const register = new Registry<OpenMetricsContentType>()
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  return register
}

function linesOf(text: string, name: string): readonly string[] {
  return text.split('\n').filter((line) => new RegExp(`^countermark_${name}[ {]`).test(line))
}

const FAILING: MetricRow = {
  ...{ name: 'source_failing', kind: 'gauge', help: 'Whether it fails', initial: 0 },
  labels: { source: ['registry'] },
}
const ROWS: readonly MetricRow[] = [
  FAILING,
  { name: 'things_total', kind: 'counter', help: 'Things', labels: { kind: ['a', 'b'] } },
]

describe('after register.resetMetrics()', () => {
  it('counts begin at 0', async () => {
    expect.hasAssertions()
    const { register, decide, texts } = watch()
    decide()
    register.resetMetrics()
    for (const text of await texts()) expect(linesOf(text, 'decisions_total')).toEqual([expect.stringMatching(/ 0$/)])
  })

  it('sums and buckets are those of what came afterwards, even when as many came as before', async () => {
    expect.hasAssertions()
    const { register, decide, texts } = watch()
    decide(0.2)
    await texts()
    register.resetMetrics()
    decide(700)
    for (const text of await texts()) {
      expect(text).toContain('countermark_guard_duration_seconds_sum{outcome="allow"} 0.7\n')
      expect(text).toContain('countermark_guard_duration_seconds_bucket{le="0.5",outcome="allow"} 0\n')
      expect(text).toContain('countermark_guard_duration_seconds_bucket{le="1",outcome="allow"} 1\n')
    }
  })

  it('no exemplar of an earlier observation is left', async () => {
    const { register, decide, texts } = watch(openMetricsRegister())
    decide()
    expect((await texts()).map((text) => text.includes('trace_id'))).toEqual([true, true])
    register.resetMetrics()
    expect((await texts()).map((text) => text.includes('trace_id'))).toEqual([false, false])
  })

  it('the version that runs is still told', async () => {
    expect.hasAssertions()
    const { register, texts } = watch()
    register.resetMetrics()
    for (const text of await texts()) expect(linesOf(text, 'build_info')).toEqual([expect.stringMatching(/ 1$/)])
  })

  it('what is failing is still failing', async () => {
    expect.hasAssertions()
    const { register, metrics, texts } = watch()
    metrics.described({ checks: [], rows: ROWS })
    metrics.measured({ name: 'source_failing', kind: 'gauge', value: 1, labels: { source: 'registry' } })
    register.resetMetrics()
    for (const text of await texts()) expect(text).toContain('countermark_source_failing{source="registry"} 1\n')
  })

  it('counters that are read begin at 0 too', async () => {
    expect.hasAssertions()
    const { register, metrics, texts } = watch()
    let count = 5
    const row = { name: 'read_total', kind: 'counter', help: 'Read', labels: {}, read: () => count } as const
    metrics.described({ checks: [], rows: [row] })
    register.resetMetrics()
    count = 7
    for (const text of await texts()) expect(linesOf(text, 'read_total')).toEqual(['countermark_read_total 2'])
  })
})

describe('a counter that is read from a source', () => {
  it('goes down when the source counts anew', async () => {
    expect.hasAssertions()
    const { metrics, texts } = watch()
    let count = 5
    const row = { name: 'read_total', kind: 'counter', help: 'Read', labels: {}, read: () => count } as const
    metrics.described({ checks: [], rows: [row] })
    await texts()
    count = 2
    for (const text of await texts()) expect(linesOf(text, 'read_total')).toEqual(['countermark_read_total 2'])
  })
})

describe('after register.clear()', () => {
  it('nothing is there until something is decided', async () => {
    const { register, decide, texts } = watch()
    decide()
    register.clear()
    expect((await texts()).map((text) => text.trim())).toEqual(['', ''])
  })

  it('an observer that goes on brings its metrics back, from 0', async () => {
    expect.hasAssertions()
    const { register, metrics, decide, texts } = watch()
    metrics.described({ checks: [{ name: 'preventReplay', adds: [] }], rows: ROWS })
    decide(0.2)
    register.clear()
    decide(700)
    for (const text of await texts()) {
      expect(linesOf(text, 'build_info')).toEqual([expect.stringMatching(/ 1$/)])
      expect(linesOf(text, 'decisions_total')).toEqual([expect.stringMatching(/ 1$/)])
      expect(linesOf(text, 'guard_duration_seconds_sum')).toContain(
        'countermark_guard_duration_seconds_sum{outcome="allow"} 0.7',
      )
      expect(text).toContain('countermark_things_total{kind="a"} 0\n')
      expect(text).toContain('countermark_check_duration_seconds_count{check="preventReplay"} 0\n')
    }
  })

  it('what is failing is still failing', async () => {
    expect.hasAssertions()
    const { register, metrics, decide, texts } = watch()
    metrics.described({ checks: [], rows: ROWS })
    metrics.measured({ name: 'source_failing', kind: 'gauge', value: 1, labels: { source: 'registry' } })
    register.clear()
    decide()
    for (const text of await texts()) expect(text).toContain('countermark_source_failing{source="registry"} 1\n')
  })

  it('a new observer begins at 0, and the one before counts with it', async () => {
    expect.hasAssertions()
    const { register, decide, texts } = watch()
    decide()
    register.clear()
    watch(register).decide()
    decide()
    for (const text of await texts()) expect(linesOf(text, 'decisions_total')).toEqual([expect.stringMatching(/ 2$/)])
  })

  it('a metric of the application that took one of the names is left alone', async () => {
    expect.hasAssertions()
    const { register, decide, texts } = watch()
    register.clear()
    new Gauge({ name: 'countermark_requests_total', help: 'Mine', registers: [register] }).set(7)
    decide()
    for (const text of await texts()) expect(text.match(/^countermark_.*$/gm)).toEqual(['countermark_requests_total 7'])
  })

  it('a guard that is composed leaves no metric behind that stands in the way of a new observer', () => {
    const { register, metrics } = watch()
    register.clear()
    metrics.described({ checks: [], rows: ROWS })
    expect(() => prometheusMetrics({ register })).not.toThrow()
  })
})
