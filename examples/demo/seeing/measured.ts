/** What the processes themselves say they did, out of their `/metrics`. */
export interface Measured {
  readonly series: number
  /** Decisions by outcome. */
  readonly decisions: ReadonlyMap<string, number>
  /** Refusals by code, the most frequent first. */
  readonly refusals: readonly (readonly [code: string, count: number])[]
  /** How long allowed requests waited: half of them, and 99 in a hundred, no longer than this. Seconds. */
  readonly guardSeconds: { readonly p50: number; readonly p99: number }
}

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads and adds up the metrics of several processes. */
export async function readMeasured(urls: readonly string[]): Promise<Measured> {
  const texts = await Promise.all(urls.map(async (url) => (await fetch(url)).text()))
  const series = texts.flatMap(parseSeries)
  const decisions = series.filter(({ name }) => name === 'countermark_decisions_total')
  const allowed = series.filter(({ labels }) => labels['outcome'] === 'allow')
  const refusals = [...sumBy(decisions, 'code')].filter(([code, count]) => code !== 'none' && count > 0)
  return {
    series: series.length,
    decisions: sumBy(decisions, 'outcome'),
    refusals: refusals.sort(([, a], [, b]) => b - a),
    guardSeconds: { p50: quantile(allowed, 0.5), p99: quantile(allowed, 0.99) },
  }
}

function parseSeries(text: string): readonly Series[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', labels = '', value = ''] = /^([a-z_]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? []
    if (name === '') return []
    const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text])
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }]
  })
}

function sumBy(series: readonly Series[], label: string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { labels, value } of series) {
    const key = labels[label] ?? ''
    sums.set(key, (sums.get(key) ?? 0) + value)
  }
  return sums
}

/** The upper end of the bucket in which the quantile lies. */
function quantile(series: readonly Series[], share: number): number {
  const buckets = [
    ...sumBy(
      series.filter(({ name }) => name === 'countermark_guard_duration_seconds_bucket'),
      'le',
    ),
  ]
  const sorted = buckets.map(([end, count]) => [Number(end.replace('+Inf', 'Infinity')), count] as const)
  const total = Math.max(...sorted.map(([, count]) => count))
  return Math.min(...sorted.filter(([, count]) => count >= share * total).map(([end]) => end))
}
