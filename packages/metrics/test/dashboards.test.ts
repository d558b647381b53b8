import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DASHBOARDS, generateFiles } from '../scripts/generated-files.ts'
import { isPromql, LINT_RULES, type LintedDashboard, type LintedPanel } from './dashboard-lint.ts'

const FOLDER = resolve(__dirname, '..')
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')
const dashboards = DASHBOARDS.map(({ uid }) => [uid, JSON.parse(read(`grafana/dashboards/${uid}.json`))] as const)

describe('what is committed for Grafana and Prometheus', () => {
  it.each([...generateFiles().keys()])('%s is what the generator writes', (name) => {
    expect(read(name)).toBe(generateFiles().get(name))
  })

  it('is written for another prefix and another place of runbooks on demand', () => {
    const texts = [...generateFiles({ prefix: 'acme_', runbooks: 'https://wiki.example/runbooks' }).values()].join('')
    expect(texts).not.toMatch(/countermark_[a-z]/)
    expect(texts).toContain('https://wiki.example/runbooks/CountermarkLatency.md')
  })
})

describe.each(dashboards)('%s', (_uid, dashboard: LintedDashboard) => {
  it.each(Object.entries(LINT_RULES))('keeps %s', (_name, rule) => {
    expect(rule(dashboard)).toEqual([])
  })

  it('names every panel and every query once', () => {
    const panels = dashboard.panels as readonly (LintedPanel & { readonly id: number })[]
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const letters = panels.map(({ targets = [] }) => targets.map(({ refId }) => refId).join(''))
    expect(letters.filter((all) => !'ABCDEFGH'.startsWith(all))).toEqual([])
  })
})

describe('the rules of the linter', () => {
  const good = JSON.stringify(dashboards[0]?.[1])

  it.each([
    ['template-datasource-rule', '"Data Source"', '"Source"'],
    ['template-job-rule', '"allValue":".+"', '"allValue":".*"'],
    ['template-instance-rule', '"name":"instance"', '"name":"pod"'],
    ['template-label-promql-rule', 'label_values(countermark', 'label_values({countermark'],
    ['panel-title-description-rule', '"description":"Decisions of all guards, a second."', '"description":""'],
    ['panel-units-rule', '"unit":"reqps"', '"unit":"furlongs"'],
    ['target-promql-rule', '"expr":"sum(', '"expr":"sum(('],
    ['target-rate-interval-rule', '[$__rate_interval]', '[5m]'],
    ['target-job-rule', 'job=~\\"$job\\",instance', 'instance'],
    ['target-instance-rule', ',instance=~\\"$instance\\"', ''],
  ])('find what breaks %s', (name, part, broken) => {
    expect(good).toContain(part)
    expect(LINT_RULES[name]?.(JSON.parse(good.replace(part, broken)))).not.toEqual([])
  })

  it('find what breaks panel-datasource-rule', () => {
    expect(LINT_RULES['panel-datasource-rule']?.(JSON.parse(withForeignSource(good)))).not.toEqual([])
  })

  it('know PromQL', () => {
    expect(['rate(a[1m])', 'sum by (b) (a{c="d"})'].map((expr) => isPromql(expr))).toEqual([true, true])
    expect(['rate(a[1m)', 'sum by b (', 'a{c=d}'].map((expr) => isPromql(expr))).toEqual([false, false, false])
  })
})

function withForeignSource(text: string): string {
  const dashboard: { panels: { type: string; datasource?: object }[] } = JSON.parse(text)
  const panels = dashboard.panels.map((panel) =>
    panel.type === 'stat' ? { ...panel, datasource: { uid: 'mine' } } : panel,
  )
  return JSON.stringify({ ...dashboard, panels })
}
