import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { requireProgram } from '@countermark/testing'
import { parse } from 'yaml'
import { ALERTS } from '../scripts/alerts/alerts.ts'
import { RECORDINGS } from '../scripts/alerts/recordings.ts'
import { DASHBOARDS } from '../scripts/generated-files.ts'
import { isPromql } from './dashboard-lint.ts'

const FOLDER = resolve(__dirname, '..')
const PANELS = new Set<string | undefined>(
  DASHBOARDS.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels.map(({ title }) => title))),
)
const TESTS = 'test/countermark.alerts.test.yaml'
const promtool = requireProgram('promtool')
const amtool = requireProgram('amtool')
const withPromtool = promtool === undefined ? describe.skip : describe
const withAmtool = amtool === undefined ? describe.skip : describe

function run(program: string | undefined, ...args: readonly string[]): string {
  return execFileSync(program ?? '', args, { cwd: FOLDER, encoding: 'utf8', stdio: 'pipe' })
}

describe.each(ALERTS)('$name', ({ name, expr, summary, description }) => {
  it('asks in PromQL', () => expect(isPromql(expr)).toBe(true))

  it('tells a human what happened, in a sentence without its name', () => {
    for (const text of [summary, description]) expect(text).not.toContain('Countermark')
  })

  it('has a runbook that says what callers see, where to look and what to do', () => {
    const text = readFileSync(join(FOLDER, 'runbooks', `${name}.md`), 'utf8')
    const headings = text.split('\n').filter((line) => line.startsWith('#'))
    expect(headings).toEqual([`# ${name}`, '## What callers see', '## Look at', '## Do'])
  })

  it('names panels that are there', () => {
    const text = readFileSync(join(FOLDER, 'runbooks', `${name}.md`), 'utf8')
    const named = [...text.matchAll(/(?:panel|table)s? \*([^*]+)\*/g)].map(([, title]) => title)
    expect(named.filter((title) => !PANELS.has(title))).toEqual([])
  })

  it('is tested silent and firing', () => {
    const { tests }: { tests: readonly { alert_rule_test?: readonly RuleTest[] }[] } = parse(
      readFileSync(join(FOLDER, TESTS), 'utf8'),
    )
    const own = tests.flatMap(({ alert_rule_test: cases = [] }) => cases).filter(({ alertname }) => alertname === name)
    expect([...new Set(own.map(({ exp_alerts: expected }) => expected.length > 0))].sort()).toEqual([false, true])
  })
})

interface RuleTest {
  readonly alertname: string
  readonly exp_alerts: readonly unknown[]
}

describe('recordings', () => {
  it.each(RECORDINGS)('$record is PromQL, named by level, metric and operations', ({ record, expr }) => {
    expect(isPromql(expr)).toBe(true)
    expect(record).toMatch(/^job[a-z_]*:countermark_[a-z_]+:[a-z0-9_]+$/)
  })
})

withPromtool('promtool', () => {
  it.each(['prometheus/countermark.alerts.yaml', 'prometheus/countermark.rules.yaml'])('accepts %s', (file) => {
    expect(run(promtool, 'check', 'rules', file)).toContain('SUCCESS')
  })

  it('accepts the example configuration', () => {
    expect(run(promtool, 'check', 'config', 'prometheus/prometheus.yaml')).toContain('SUCCESS')
  })

  it('sees every alert fire on its bad day and stay silent on a good one', () => {
    expect(run(promtool, 'test', 'rules', TESTS)).toContain('SUCCESS')
  })
})

withAmtool('alertmanager', () => {
  const config = 'prometheus/alertmanager.yaml'

  it('accepts the example configuration', () => {
    expect(run(amtool, 'check-config', config)).toContain('SUCCESS')
  })

  it.each([
    ['page', 'pager'],
    ['ticket', 'tickets'],
  ])('sends what is a %s to %s', (severity, receiver) => {
    const labels = ['service=countermark', `severity=${severity}`, 'alertname=CountermarkLatency', 'job=shop']
    expect(run(amtool, 'config', 'routes', 'test', `--config.file=${config}`, ...labels).trim()).toBe(receiver)
  })
})
