import type { LabelValues, MetricRow } from '../packages/core/src/seams/metric-row.ts'

/** The rows of one package as a table of Markdown. */
export function renderMetricTable(rows: readonly MetricRow[]): string {
  const lines = rows.map(
    ({ name, kind, labels, help }) => `| \`${name}\` | ${kind} | ${writeLabels(labels)} | ${help} |`,
  )
  return ['| metric | kind | labels | |', '|---|---|---|---|', ...lines].join('\n')
}

/** Longer lists of values stand in the sources and in `/metrics`. */
const MAX_SHOWN = 8

function writeLabels(labels: MetricRow['labels']): string {
  const written = Object.entries(labels).map(([name, values]) => `\`${name}\`: ${writeValues(values)}`)
  return written.length === 0 ? '–' : written.join('; ')
}

function writeValues(values: LabelValues): string {
  if ('atMost' in values) return `at most ${values.atMost}`
  if (values.length > MAX_SHOWN) return `${values.slice(0, MAX_SHOWN).join(', ')} and ${values.length - MAX_SHOWN} more`
  return values.join(', ')
}
