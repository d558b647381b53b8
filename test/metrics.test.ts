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

/** The sources of a package, comments left out. */
function codeOf({ sources }: (typeof packages)[number]): string {
  return sources.map((file) => read(file).replace(/^ *\*.*$/gm, '')).join('\n')
}

const code = packages.map(codeOf).join('\n')
const rows = measured.flatMap(({ folder }) => rowsOf(folder))

describe('the metrics of all packages', () => {
  it.each(measured.map(({ folder }) => [folder] as const))('are reported, all that %s describes', (folder) => {
    const silent = rowsOf(folder).filter(
      ({ name }) => !new RegExp(`['_]${name}['\`]|\\b${name}: (?:\\(|(?!Record\\b)\\w)`).test(code),
    )
    expect(silent.map(({ name }) => name)).toEqual([])
  })

  // What is made by a table is checked when it compiles.
  it.each(packages.map((each) => [each.folder, each] as const))(
    'are described, all that %s reports without a table',
    (_folder, each) => {
      const names = [...codeOf(each).matchAll(/name: '([a-z][a-z0-9_]*)',\s*kind: '(?:counter|gauge|histogram)'/g)]
      const known = rows.map(({ name }) => name)
      expect(names.map(([, name = '']) => name).filter((name) => !known.includes(name))).toEqual([])
    },
  )

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
