import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MetricRow } from '../packages/core/src/seams/metric-row.ts'
import { renderMetricTable } from './metric-tables.ts'
import { readWorkspacePackages } from './workspace-packages.ts'

const DOCUMENT = 'docs/metrics.md'

/** Puts the rows of every package into the section of docs/metrics.md that carries its name. */
async function writeMetricTables(root: string): Promise<void> {
  let text = readFileSync(join(root, DOCUMENT), 'utf8')
  for (const { folder } of readWorkspacePackages(root)) {
    const file = join(root, folder, 'src/metric-rows.ts')
    if (!existsSync(file)) continue
    const { METRIC_ROWS }: { readonly METRIC_ROWS: readonly MetricRow[] } = await import(file)
    const heading = `## ${folder.slice('packages/'.length)}\n`
    if (!text.includes(heading)) text = `${text.trimEnd()}\n\n${heading}\n| metric |\n`
    const [before = '', section = ''] = text.split(heading)
    text = before + heading + section.replace(/^\| metric \|.*(?:\n\|.*)*/m, () => renderMetricTable(METRIC_ROWS))
  }
  writeFileSync(join(root, DOCUMENT), text)
}

await writeMetricTables(process.cwd())
