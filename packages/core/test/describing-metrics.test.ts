import { defineCheck, type MetricRow } from '../src/index.ts'
import { type GuardMetrics, type Measurement, nameLabels, nodeVerifier, readMetrics } from '../src/internal.ts'
import { aFactory, aGuard, aRequest, atOnce, nameAgent } from './guarding.ts'
import { watch } from './watch.ts'

const ROW: MetricRow = { name: 'things_total', kind: 'counter', help: 'Things', labels: { source: { atMost: 8 } } }

const measuring = defineCheck({ name: 'measuring', needs: [], adds: ['thing'], metrics: [ROW] }, () => ({ thing: 1 }))

function namesOf(rows: readonly MetricRow[] | undefined): readonly string[] {
  return (rows ?? []).map(({ name }) => name)
}

describe('an observer of metrics', () => {
  it('learns what a guard, its checks and everybody who listens will measure, before the first request', () => {
    const described: GuardMetrics[] = []
    const own = { ...ROW, name: 'own_total' }
    const recorded = { ...ROW, name: 'recorded_total' }
    aGuard([measuring, nameAgent()], {
      observers: [{ described: (guard) => void described.push(guard), metrics: [own] }],
      recorder: { record: () => undefined, metrics: [recorded] },
    })
    expect(namesOf(described[0]?.rows)).toEqual(
      expect.arrayContaining(['guard_failures_total', 'things_total', 'own_total', 'recorded_total']),
    )
  })

  it('learns the names of checks, and of the parts of the guard that can refuse', () => {
    const described: GuardMetrics[] = []
    aGuard([measuring], { observers: [{ described: (guard) => void described.push(guard) }] })
    expect(described[0]?.checks.map(({ name }) => name)).toEqual(['request', 'open', 'level', 'recorder', 'measuring'])
    expect(described[0]?.checks.at(-1)?.adds).toEqual(['thing'])
  })

  it('stops the start by throwing: what it cannot show is a mistake of the configuration', () => {
    const throwing = {
      described: () => {
        throw new TypeError('no such metric')
      },
    }
    expect(() => aGuard([measuring], { observers: [throwing] })).toThrow('no such metric')
  })

  it('hears what another observer and the recorder report of themselves', () => {
    const { observer, counted } = watch()
    const reports: ((measurement: Measurement) => void)[] = []
    const reporting = {
      decided: () => undefined,
      reportTo: (report: (typeof reports)[number]) => void reports.push(report),
    }
    aGuard([nameAgent()], { observers: [observer, reporting], recorder: { ...reporting, record: () => undefined } })
    for (const report of reports) report({ name: 'own_total', kind: 'counter', value: 1 })
    expect(counted).toEqual(['own_total', 'own_total'])
  })

  it('learns what the verifier measures, and hears what it reports', () => {
    const { observer, counted } = watch()
    const described: GuardMetrics[] = []
    const reports: ((measurement: Measurement) => void)[] = []
    const verifier = {
      ...nodeVerifier,
      metrics: [{ ...ROW, name: 'own_total' }],
      reportTo: (report: (typeof reports)[number]) => void reports.push(report),
    }
    aGuard([nameAgent()], { observers: [observer, { described: (guard) => void described.push(guard) }], verifier })
    for (const report of reports) report({ name: 'own_total', kind: 'counter', value: 1 })
    expect(namesOf(described[0]?.rows)).toContain('own_total')
    expect(counted).toEqual(['own_total'])
  })

  it('can tell the first end of a request from those that further guards tell', () => {
    const { observer, outcomes } = watch()
    const compose = aFactory({ observers: [observer] })
    const request = aRequest()
    const verdicts = [atOnce(compose([nameAgent()])(request)), atOnce(compose([])(request))]
    for (const { finish } of verdicts) finish?.(200, false)
    expect(outcomes.map(({ repeated }) => repeated)).toEqual([undefined, true])
  })
})

describe('rows', () => {
  it('take the name of an instance for a label that they leave open', () => {
    expect(nameLabels([ROW, { ...ROW, labels: {} }], { source: 'jwks' }).map(({ labels }) => labels)).toEqual([
      { source: ['jwks'] },
      {},
    ])
  })

  it('take what they are read from by their name', () => {
    const rows = readMetrics([ROW, { ...ROW, name: 'others_total' }], { things_total: () => 7 })
    expect(rows.map(({ read }) => read?.())).toEqual([7, undefined])
  })
})
