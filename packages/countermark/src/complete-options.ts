import { auditTrail, fileSink } from '@countermark/audit'
import type { GuardOptions, ReplayStore } from '@countermark/core'
import { prometheusMetrics } from '@countermark/metrics'
import { memoryReplayStore } from '@countermark/replay'
import type { CountermarkOptions } from './countermark-options.ts'

/** The options with their defaults, and with observers and recorder in place of what makes them. */
export interface CompleteOptions extends Omit<CountermarkOptions, 'replay' | 'metrics' | 'audit'> {
  readonly replay: ReplayStore
}

/**
 * Fills in what was left out, and makes what was asked for in short.
 * @throws Misconfigured
 */
export function completeOptions(options: CountermarkOptions): CompleteOptions {
  const { replay = memoryReplayStore(), metrics, audit, ...rest } = options
  return { ...rest, replay, ...observersOf(rest, metrics), ...recorderOf(audit) }
}

function observersOf(
  { observers = [] }: Pick<GuardOptions, 'observers'>,
  metrics: CountermarkOptions['metrics'],
): Pick<GuardOptions, 'observers'> {
  if (metrics === undefined) return { observers }
  return { observers: [...observers, prometheusMetrics(metrics === true ? {} : metrics)] }
}

function recorderOf(audit: CountermarkOptions['audit']): Pick<GuardOptions, 'recorder'> {
  if (audit === undefined) return {}
  return { recorder: auditTrail(typeof audit === 'string' ? { sinks: [fileSink({ path: audit })] } : audit) }
}
