import { type GuardOptions, type KeySource, Misconfigured, type ReplayStore } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import type { CountermarkOptions } from './countermark-options.ts'
import { auditTrail, fileSink, prometheusMetrics } from './parts-on-first-use.ts'
import { tellDeveloper } from './tell-developer.ts'

/** The options with their defaults, and with observers and recorder in place of what makes them. */
export interface CompleteOptions extends Omit<CountermarkOptions, 'replay' | 'metrics' | 'audit' | 'keys'> {
  readonly keys: KeySource
  readonly replay: ReplayStore
}

/**
 * Fills in what was left out, and makes what was asked for in short.
 * @throws Misconfigured
 */
export function completeOptions(options: CountermarkOptions): CompleteOptions {
  const { replay = memoryReplayStore(), metrics, audit, ...rest } = options
  const keys = keysOf(rest)
  return { ...rest, keys, replay, ...observersOf(rest, metrics), ...recorderOf(audit), ...tellerOf(rest) }
}

function keysOf({ keys, authority }: Pick<CountermarkOptions, 'keys' | 'authority'>): KeySource {
  const found = keys ?? authority?.keys
  if (found !== undefined) return found
  const fix = 'write fromFile(path), registry(url) or staticKeys([…]); or give authority: fromAuthority(url)'
  throw new Misconfigured('ERR_OPTION_MISSING', `keys must be a source of keys: ${fix}`)
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

const SILENT: readonly (string | undefined)[] = ['production', 'test']

/** While an application is developed refusals are told, unless it tells of them itself. */
function tellerOf({ onRefusal }: Pick<GuardOptions, 'onRefusal'>): Pick<GuardOptions, 'onRefusal'> {
  if (onRefusal !== undefined || SILENT.includes(process.env['NODE_ENV'])) return {}
  return { onRefusal: tellDeveloper() }
}
