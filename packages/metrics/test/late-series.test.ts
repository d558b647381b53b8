import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireProgram } from '@countermark/testing'
import { increase, rate, sumBy } from '../scripts/dashboards/panel.ts'
import { fillIn } from './dashboard-lint.ts'

const promtool = requireProgram('promtool')
const withPromtool = promtool === undefined ? describe.skip : describe

/** Scraped every 15 s; the interval of the panels is a minute. */
const TARGET = { series: 'countermark_build_info{job="shop",instance="a",version="1"}', values: '1x60' }
const REFUSED = 'countermark_decisions_total{job="shop",instance="a",outcome="deny",code="key_unknown"}'

/** Refusals a second at some moments, by what was scraped, as Prometheus itself works it out. */
function refusals(expr: string, scraped: readonly object[], expected: Readonly<Record<string, number>>): void {
  const folder = mkdtempSync(join(tmpdir(), 'countermark-'))
  const promql_expr_test = Object.entries(expected).map(([eval_time, value]) => {
    return { expr: fillIn(expr), eval_time, exp_samples: [{ labels: '{}', value }] }
  })
  const tests = [{ interval: '15s', input_series: scraped, promql_expr_test }]
  writeFileSync(join(folder, 'test.yaml'), JSON.stringify({ rule_files: [], evaluation_interval: '15s', tests }))
  try {
    execFileSync(promtool ?? '', ['test', 'rules', join(folder, 'test.yaml')], { encoding: 'utf8', stdio: 'pipe' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const PER_SECOND = sumBy('', rate('decisions_total', 'outcome="deny"'))

withPromtool('a counter whose series begins with its first event', () => {
  const first = [TARGET, { series: REFUSED, values: '_x12 1x40' }]

  it('shows that event for as long as the interval is, and no longer', () => {
    // Born at 3 m.
    refusals(`${PER_SECOND} or vector(0)`, first, { '2m45s': 0, '3m': 1 / 60, '3m45s': 1 / 60, '4m': 0, '6m': 0 })
  })

  it('shows each later event once', () => {
    const four = [TARGET, { series: REFUSED, values: '_x12 1 1 5x40' }]
    refusals(PER_SECOND, four, { '3m15s': 1 / 60, '3m30s': 5 / 60, '3m45s': 5 / 60, '6m': 0 })
  })

  it('shows what it counts after a restart of the process', () => {
    const restarted = [
      { ...TARGET, values: '1x8 _x20' },
      { series: TARGET.series.replace('"1"', '"2"'), values: '_x9 1x40' },
      { series: REFUSED, values: '_x12 1x40' },
    ]
    refusals(PER_SECOND, restarted, { '3m30s': 1 / 60 })
  })

  it('is no burst when Prometheus sees its process for the first time', () => {
    const found = [
      { ...TARGET, values: '_x12 1x40' },
      { series: REFUSED, values: '_x12 1000x40' },
    ]
    refusals(`${PER_SECOND} or vector(0)`, found, { '3m': 0, '3m30s': 0, '4m': 0, '6m': 0 })
  })

  it('is counted in what an hour brought', () => {
    const expr = sumBy('', increase('decisions_total', 'outcome="deny"', '5m'))
    refusals(expr, [TARGET, { series: REFUSED, values: '_x23 1x40' }], { '7m': 1 })
  })
})
