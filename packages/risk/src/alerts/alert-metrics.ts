import { defineMetrics, type Metrics } from '@countermark/core/internal'

interface Labels {
  risk_alerts_total: { result: 'delivered' | 'retried' | 'lost' }
  risk_alerts_waiting: Record<never, never>
  risk_alert_delay_seconds: Record<never, never>
}

/** What alerts report of themselves. */
export const ALERT_METRICS: Metrics<Labels> = defineMetrics<Labels>({
  risk_alerts_total: {
    kind: 'counter',
    help: 'Alerts of changed levels: delivered, attempts that failed and are repeated, and what was lost',
    labels: { result: ['delivered', 'retried', 'lost'] },
  },
  risk_alerts_waiting: { kind: 'gauge', help: 'Alerts that no receiver has taken yet', labels: {}, combine: 'sum' },
  risk_alert_delay_seconds: {
    kind: 'histogram',
    help: 'From a change of level to the receiver that took the alert',
    labels: {},
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600],
  },
})
