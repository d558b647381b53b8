import { LEVELS, type Level } from './facts.ts'
import type { GuardOptions } from './guard-options.ts'
import { bareCopy } from './internal/bare-object.ts'
import { requireBoolean, requireKnownOptions, requireWord } from './internal/options.ts'

/** What one guard may do differently from its factory. */
export interface RouteOptions {
  /** Let a request without credentials through; invalid ones are still refused. @default false */
  readonly optional?: boolean
  /** `observe` lets refused requests pass and reports what would have been refused. @default 'enforce' */
  readonly mode?: 'enforce' | 'observe'
  /** The weakest credential accepted on this route, whatever its method. @default by method: {@link GuardOptions.minimumLevel} */
  readonly minimumLevel?: Level
}

/** What a guard does about a refusal. */
export const MODES = ['enforce', 'observe'] as const

/** Route options after validation. */
export interface RouteSettings {
  readonly optional: boolean
  readonly mode: 'enforce' | 'observe'
  readonly minimumLevel: Level | undefined
}

/**
 * Validates what one guard does differently from its factory.
 * @throws {@link Misconfigured}
 */
export function readRouteOptions(options: RouteOptions, settings: Pick<RouteSettings, 'mode'>): RouteSettings {
  requireKnownOptions('guard.with', options, ['optional', 'mode', 'minimumLevel'])
  const { optional = false, mode = settings.mode, minimumLevel } = bareCopy(options)
  return {
    optional: requireBoolean('optional', optional),
    mode: requireWord('mode', mode, MODES),
    minimumLevel: minimumLevel === undefined ? undefined : requireWord('minimumLevel', minimumLevel, LEVELS),
  }
}
