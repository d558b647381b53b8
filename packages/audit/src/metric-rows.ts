import type { MetricRow } from '@countermark/core'
import type { LabelValues } from '@countermark/core/internal'

/** Sinks of one trail; `none` stands for records that no sink was given. */
const SINK: LabelValues = { atMost: 16 }

/** What a trail reports. */
export const TRAIL_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'audit_records_total',
    kind: 'counter',
    help: 'Records by sink and by what became of them: failed ones are tried again, dropped ones are lost to that sink',
    labels: { sink: SINK, result: ['written', 'failed', 'dropped'] },
  },
  {
    name: 'audit_queue_records',
    kind: 'gauge',
    help: 'Records that wait for a sink',
    labels: { sink: SINK },
    initial: 0,
  },
  {
    name: 'audit_sink_failing',
    kind: 'gauge',
    help: 'Whether a sink takes no records at present (1) or does (0)',
    labels: { sink: SINK },
    initial: 0,
  },
  {
    name: 'audit_checkpoints_total',
    kind: 'counter',
    help: 'Signed checkpoints of the trail, by whether they could be written to another place',
    labels: { result: ['written', 'failed'] },
  },
  {
    name: 'audit_checkpoint_age_seconds',
    kind: 'gauge',
    help: 'Age of the last checkpoint when it was last looked at',
    labels: {},
  },
]

/** What a stream of events reports. */
export const EVENT_METRIC_ROWS: readonly MetricRow[] = [
  { name: 'events_sent_total', kind: 'counter', help: 'Events that a sink took', labels: { sink: SINK } },
  {
    name: 'events_dropped_total',
    kind: 'counter',
    help: 'Events that a sink did not take in time, and that are lost to it',
    labels: { sink: SINK },
  },
]

/** All of them. */
export const METRIC_ROWS: readonly MetricRow[] = [...TRAIL_METRIC_ROWS, ...EVENT_METRIC_ROWS]

/** Rows with the names of the sinks that are there. */
export function metricsOfSinks(rows: readonly MetricRow[], names: readonly string[]): readonly MetricRow[] {
  return rows.map((row) => ('sink' in row.labels ? { ...row, labels: { ...row.labels, sink: names } } : row))
}
