import type { Environment } from './environment.ts'
import type { GuardSettings } from './guard-options.ts'
import type { GuardContext } from './guard-run.ts'
import { GUARD_PARTS, METRIC_ROWS } from './metric-rows.ts'

/** Gives those who watch, record and verify what to report with. */
export function introduceReports({ observers, recorder, verifier }: GuardSettings, { report }: Environment): void {
  for (const observer of observers) observer.reportTo?.(report)
  recorder?.reportTo?.(report)
  verifier.reportTo?.(report)
}

/** Tells observers what a guard will measure: its own rows, those of its checks, and those of everybody who listens. */
export function describeMetrics({ settings, descriptions }: GuardContext): void {
  const { observers, recorder, verifier } = settings
  const describing = observers.filter(({ described }) => described !== undefined)
  if (describing.length === 0) return
  const parts = [...descriptions, verifier, ...observers, ...(recorder === undefined ? [] : [recorder])]
  const rows = [...METRIC_ROWS, ...parts.flatMap(({ metrics = [] }) => metrics)]
  const checks = [...GUARD_PARTS.map((name) => ({ name, adds: [] })), ...descriptions]
  for (const observer of describing) observer.described?.({ checks, rows })
}
