import { defineMetrics, type Metrics } from '@countermark/core/internal'

/** Where events come from. */
export type EventSourceName = 'http' | 'file' | 'redis-stream'

interface Labels {
  risk_service_answers_total: { result: 'answered' | 'refused' | 'failed' }
  risk_service_duration_seconds: Record<never, never>
  risk_service_events_total: {
    source: EventSourceName
    result: 'taken' | 'known' | 'skipped' | 'malformed' | 'missing'
  }
  risk_service_snapshot_timestamp_seconds: Record<never, never>
}

/** What the service reports of itself. */
export const SERVICE_METRICS: Metrics<Labels> = defineMetrics<Labels>({
  risk_service_answers_total: {
    kind: 'counter',
    help: 'Answers of the risk service: given, refused because of the caller, failed',
    labels: { result: ['answered', 'refused', 'failed'] },
  },
  risk_service_duration_seconds: {
    kind: 'histogram',
    help: 'How long the risk service took for scores, its body read',
    labels: {},
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1],
  },
  risk_service_events_total: {
    kind: 'counter',
    help: 'Events of guards: taken, known before, about nothing that counts, unreadable, and missing in between',
    labels: {
      source: ['http', 'file', 'redis-stream'],
      result: ['taken', 'known', 'skipped', 'malformed', 'missing'],
    },
  },
  risk_service_snapshot_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the levels were last kept, Unix seconds',
    labels: {},
  },
})

interface ClientLabels {
  risk_questions_total: { result: 'answered' | 'failed' | 'skipped' }
  risk_question_duration_seconds: Record<never, never>
  risk_ends_lost_total: Record<never, never>
}

/** What a check that asks a service reports. */
export const QUESTION_METRICS: Metrics<ClientLabels> = defineMetrics<ClientLabels>({
  risk_questions_total: {
    kind: 'counter',
    help: 'Questions to the risk service: answered in time, failed, or not asked because it failed before',
    labels: { result: ['answered', 'failed', 'skipped'] },
  },
  risk_question_duration_seconds: {
    kind: 'histogram',
    help: 'How long the risk service took to answer, the way included',
    labels: {},
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1],
  },
  risk_ends_lost_total: {
    kind: 'counter',
    help: 'Ends of requests that could not be told to the risk service',
    labels: {},
  },
})
