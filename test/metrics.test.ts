import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { MetricRow } from '@countermark/core'
import { renderMetricTable } from '../scripts/metric-tables.ts'
import { readWorkspacePackages } from '../scripts/workspace-packages.ts'

const ROOT = resolve(__dirname, '..')

const packages = readWorkspacePackages(ROOT)
const measured = packages.filter(({ folder }) => existsSync(join(ROOT, folder, 'src/metric-rows.ts')))

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

function rowsOf(folder: string): readonly MetricRow[] {
  const { METRIC_ROWS }: { readonly METRIC_ROWS: readonly MetricRow[] } = require(
    join(ROOT, folder, 'src/metric-rows.ts'),
  )
  return METRIC_ROWS
}

/** Names that stand in the sources of a package where a measurement is made. */
function reportedBy(sources: readonly string[]): readonly string[] {
  const makers =
    /(?:name: |\b(?:count|counter|gauge|measure|createCounters|note)\((?:pending, )?)'([a-z][a-z0-9_]*)'(?=,\s*(?:kind|['{\w]))/g
  const code = sources
    .filter((file) => !file.endsWith('/metric-rows.ts'))
    .map((file) => read(file).replace(/^ *\*.*$/gm, ''))
  const names = code.flatMap((text) => [...text.matchAll(makers)].map(([, name = '']) => name))
  return [...new Set(names)].filter((name) => code.some((text) => isMeasured(text, name)))
}

/** A name of a measurement has a kind beside it, or is handed to what gives it one. */
function isMeasured(text: string, name: string): boolean {
  return new RegExp(
    `name: '${name}',\\s*kind: |(?:count|counter|gauge|measure|createCounters|note)\\((?:pending, )?'${name}'`,
  ).test(text)
}

const rows = measured.flatMap(({ folder }) => rowsOf(folder))

describe('the metrics of all packages', () => {
  it.each(packages.map(({ folder, sources }) => [folder, sources] as const))(
    '%s describes every measurement that it reports',
    (folder, sources) => {
      const described = existsSync(join(ROOT, folder, 'src/metric-rows.ts')) ? rowsOf(folder) : []
      const names = described.map(({ name }) => name)
      expect(reportedBy(sources).filter((name) => !names.includes(name))).toEqual([])
    },
  )

  it('are found in the sources at all', () => {
    const names = packages.flatMap(({ sources }) => reportedBy(sources))
    expect(names).toEqual(
      expect.arrayContaining([
        ...['guard_failures_total', 'key_cache_total', 'key_set_fetched_timestamp_seconds', 'replay_claims_total'],
        ...['delegation_tokens_total', 'issuer_fetches_total', 'verifications_total', 'budget_reservations_total'],
      ]),
    )
  })

  it('have names of Prometheus, with a unit, and counters end in _total', () => {
    expect(rows.filter(({ name }) => !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([])
    expect(rows.filter(({ name, kind }) => name.endsWith('_total') !== (kind === 'counter'))).toEqual([])
  })

  it('are one thing under one name, whichever package reports it', () => {
    const looks = new Map(rows.map((row) => [row.name, row]))
    const odd = rows.filter(({ name, kind, help, labels }) => {
      const other = looks.get(name)
      return other?.kind !== kind || other.help !== help || `${Object.keys(other.labels)}` !== `${Object.keys(labels)}`
    })
    expect(odd.map(({ name }) => name)).toEqual([])
  })

  it('label nothing that a caller chooses', () => {
    const named = new Set(rows.flatMap(({ labels }) => Object.keys(labels)))
    const harmful = ['ip', 'address', 'remote_address', 'path', 'target', 'url', 'key_id', 'nonce', 'user', 'subject']
    expect(harmful.filter((label) => named.has(label))).toEqual([])
  })
})

describe('docs/metrics.md', () => {
  it.each(measured.map(({ folder }) => [folder] as const))('holds the table of %s', (folder) => {
    expect(read('docs/metrics.md')).toContain(renderMetricTable(rowsOf(folder)))
  })
})
