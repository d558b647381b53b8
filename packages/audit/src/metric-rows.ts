import type { MetricRow } from '@countermark/core'
import { defineMetrics, type Metrics } from '@countermark/core/internal'

type OfSink = Record<'sink', string>

/** The labels of what a trail reports. */
export type TrailLabels = {
  readonly audit_records_total: { readonly sink: string; readonly result: 'written' | 'failed' | 'dropped' }
  readonly audit_queue_records: OfSink
  readonly audit_sink_failing: OfSink
  readonly audit_checkpoints_total: { readonly result: 'written' | 'failed' }
  readonly audit_checkpoint_age_seconds: Record<never, string>
}

/** Sinks of one trail; `none` is the label of records that no sink was given. */
const sink = { atMost: 16 }

/** What a trail reports. */
export const TRAIL_METRICS: Metrics<TrailLabels> = defineMetrics<TrailLabels>({
  audit_records_total: {
    kind: 'counter',
    help: 'Records by sink and by what became of them: failed ones are tried again, dropped ones are lost to that sink',
    labels: { sink, result: ['written', 'failed', 'dropped'] },
  },
  audit_queue_records: { kind: 'gauge', help: 'Records that wait for a sink', labels: { sink }, initial: 0 },
  audit_sink_failing: {
    kind: 'gauge',
    help: 'Whether a sink takes no records at present (1) or does (0)',
    labels: { sink },
    initial: 0,
  },
  audit_checkpoints_total: {
    kind: 'counter',
    help: 'Signed checkpoints of the trail, by whether they could be written to another place',
    labels: { result: ['written', 'failed'] },
  },
  audit_checkpoint_age_seconds: {
    kind: 'gauge',
    help: 'Age of the last checkpoint when it was last looked at',
    labels: {},
  },
})

/** What a stream of events reports. */
export const EVENT_METRICS: Metrics<Record<'events_sent_total' | 'events_dropped_total', OfSink>> = defineMetrics({
  events_sent_total: { kind: 'counter', help: 'Events that a sink took', labels: { sink } },
  events_dropped_total: {
    kind: 'counter',
    help: 'Events that a sink did not take in time, and that are lost to it',
    labels: { sink },
  },
})

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [...TRAIL_METRICS.rows, ...EVENT_METRICS.rows]

/** Rows with the names of the sinks that are there. */
export function metricsOfSinks(rows: readonly MetricRow[], names: readonly string[]): readonly MetricRow[] {
  return rows.map((row) => ('sink' in row.labels ? { ...row, labels: { ...row.labels, sink: names } } : row))
}
