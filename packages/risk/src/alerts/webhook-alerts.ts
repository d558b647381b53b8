import { setTimeout as wait } from 'node:timers/promises'
import { type Clock, type Environment, Misconfigured, type Observer } from '@countermark/core'
import {
  callback,
  createRecent,
  custom,
  degradedRow,
  methods,
  number,
  optionTable,
  reportDegraded,
  systemClock,
  word,
} from '@countermark/core/internal'
import {
  createFetcher,
  type FetcherOptions,
  isOutboundError,
  type Receipt,
  signWebhook,
  webhookSecrets,
} from '@countermark/outbound'
import { RISK_LEVELS, type RiskLevel, rankOf } from '../levels/levels.ts'
import type { LevelChange } from '../risk-store.ts'
import { type Alert, writeAlert } from './alert-content.ts'
import { ALERT_METRICS } from './alert-metrics.ts'
import { type AlertQueue, type Attempt, createAlertQueue } from './alert-queue.ts'

/** Options of {@link webhookAlerts}. */
export interface WebhookAlertsOptions
  extends Pick<
    FetcherOptions,
    'allowHttp' | 'allowPrivateAddresses' | 'ports' | 'ca' | 'resolve' | 'fetch' | 'deadlineMs'
  > {
  /** Where alerts are posted: https, on the public Internet unless options of the fetcher say otherwise. */
  readonly url: string
  /** What signs them: `whsec_` and base64 of 24 to 64 bytes; several while one follows another. */
  readonly secret: string | readonly string[]
  /** Changes to and from levels below this one are not told. @default 'throttle': every change */
  readonly from?: RiskLevel
  /** Alerts that wait at most; then the oldest is lost, and counted. @default 1_000 */
  readonly maxQueued?: number
  /** How often one alert is tried, over about an hour. @default 20 */
  readonly maxAttempts?: number
  /** @default the machine's clock */
  readonly clock?: Clock
  /** Waits between attempts. @default a timer that keeps no process alive */
  readonly delay?: (ms: number) => Promise<void>
  /** Spreads attempts. From 0 up to, not including, 1. @default Math.random */
  readonly random?: () => number
}

/** Tells people of changed levels. Also an observer, for its metrics: `createGuard({ observers: [alerts] })`. */
export interface RiskAlerts extends Observer {
  /** Takes a change: `assessRisk({ onChange: alerts.send })`. The same change again is one alert. Never throws. */
  readonly send: (change: LevelChange) => void
  /** Tries once more what waits, and counts the rest as lost. */
  readonly close: () => Promise<void>
}

const FETCHER = ['allowHttp', 'allowPrivateAddresses', 'ports', 'ca', 'resolve', 'fetch', 'deadlineMs'] as const
const OPTIONS = optionTable('webhookAlerts', {
  url: custom((name, given) => readUrl(name, given)),
  secret: custom((name, given) => webhookSecrets(name, given as string | readonly string[] | undefined)),
  from: word(RISK_LEVELS, 'throttle'),
  maxQueued: number({ min: 1, max: 100_000, default: 1000 }),
  maxAttempts: number({ min: 1, max: 100, default: 20 }),
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
  delay: callback<(ms: number) => Promise<void>>(),
  random: callback<() => number>(),
})
const GONE = 410

/**
 * Posts each change of level to a receiver of yours, signed as Standard Webhooks 1.0 has it, at once and without that any request
 * waits. What fails is tried again with growing waits under the same `webhook-id`; 410 ends it until the next start.
 * @throws Misconfigured
 * @throws OutboundError `url_refused`, `address_refused` for a URL that would never be asked
 * @example
 * const alerts = webhookAlerts({ url: 'https://alerts.example.com/risk', secret: process.env.ALERT_SECRET })
 * const risk = assessRisk({ onChange: alerts.send })
 * createGuard({ origins, observers: [risk.observer, alerts] })
 */
export function webhookAlerts(options: WebhookAlertsOptions): RiskAlerts {
  const { url, secret, from, maxQueued, maxAttempts, ...rest } = OPTIONS.read(options, '', FETCHER)
  const { clock = systemClock, delay = pause, random = Math.random } = rest
  const fetcher = createFetcher(fetcherOptions(options, url))
  fetcher.checkUrl(url)
  const told = createTeller()
  const changedAtMs = new WeakMap<Alert, number>()
  const post = (alert: Alert): Promise<Receipt> => {
    const headers = signWebhook({ ...alert, atMs: clock.wallMs() }, secret)
    return fetcher.notify(url, alert.content, headers)
  }
  const queue: AlertQueue = createAlertQueue({
    ...{ maxQueued, maxAttempts, clock, delay, random },
    attempt: async (alert) => attemptOf(await post(alert).catch(toFailure)),
    onResult: (result, alert) => {
      told.report(ALERT_METRICS.measure('risk_alerts_total', 1, { result }))
      told.degraded(result === 'delivered' ? 0 : 1)
      if (result !== 'delivered') return
      const delaySeconds = Math.max(0, clock.wallMs() - (changedAtMs.get(alert) ?? 0)) / 1000
      told.report(ALERT_METRICS.measure('risk_alert_delay_seconds', delaySeconds))
    },
    onGone: () => warn('the receiver of alerts answered 410: nothing is sent to it until the next start'),
  })
  const recent = createRecent<Alert>({ maxEntries: 2 * maxQueued, maxCharacters: 200 * maxQueued })
  return {
    metrics: [...ALERT_METRICS.rowsOf({}, { risk_alerts_waiting: queue.size }), degradedRow(['alerts'])],
    reportTo: told.reportTo,
    // A guard takes no observer that hears nothing of it.
    described: () => undefined,
    send: (change) => {
      if (Math.max(rankOf(change.from), rankOf(change.to)) < rankOf(from)) return
      const alert = writeAlert(change)
      if (recent.find(alert.id) !== undefined) return
      recent.keep(alert.id, alert)
      changedAtMs.set(alert, change.atMs)
      queue.push(alert)
    },
    close: queue.close,
  }
}

function attemptOf(receipt: Receipt | undefined): Attempt {
  if (receipt === undefined) return { result: 'failed' }
  const { status, retryAfterSeconds } = receipt
  if (status >= 200 && status < 300) return { result: 'taken' }
  if (status === GONE) return { result: 'gone' }
  return { result: 'failed', ...(retryAfterSeconds === undefined ? {} : { retryAfterMs: retryAfterSeconds * 1000 }) }
}

/** A receiver that cannot be reached is tried again. @throws what is no fault of the receiver */
function toFailure(error: unknown): undefined {
  if (!isOutboundError(error)) throw error
}

/** Where measurements go once a guard has said so. */
function createTeller() {
  const reports = new Set<Environment['report']>()
  let was: 0 | 1 = 0
  const report: Environment['report'] = (measurement) => {
    for (const to of reports) to(measurement)
  }
  return {
    report,
    reportTo: (to: Environment['report']): void => void reports.add(to),
    degraded: (now: 0 | 1): void => {
      if (now !== was) reportDegraded(report, 'alerts', now)
      was = now
    },
  }
}

function readUrl(name: string, given: unknown): string {
  if (typeof given === 'string' && URL.canParse(given)) return given
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    `${name} must be where alerts are posted: https://alerts.example.com/risk`,
  )
}

/** Ports follow the URL unless they are given, as for sources of keys. */
function fetcherOptions(options: WebhookAlertsOptions, url: string): FetcherOptions {
  const { port, protocol } = new URL(url)
  const given = Object.fromEntries(
    FETCHER.flatMap((name) => (Object.hasOwn(options, name) ? [[name, options[name]]] : [])),
  )
  return { ports: [port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)], ...given }
}

async function pause(ms: number): Promise<void> {
  await wait(ms, undefined, { ref: false })
}

function warn(text: string): void {
  process.emitWarning(text, { type: 'CountermarkWarning', code: 'alerts_gone' })
}
