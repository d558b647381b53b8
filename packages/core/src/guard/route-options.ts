import { LEVELS, type Level } from '../credential-scheme.ts'
import { flag, optionTable, word } from '../internal/option-table.ts'

/** What one guard may do differently from its factory. */
export interface RouteOptions {
  /** Let a request without credentials through; invalid ones are still refused. @default false */
  readonly optional?: boolean
  /** `observe` lets refused requests pass and reports what would have been refused. @default 'enforce' */
  readonly mode?: 'enforce' | 'observe'
  /** The weakest credential accepted on this route, whatever its method. @default by method: `createGuard({ minimumLevel })` */
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

const ROUTE = optionTable('guard.with', { optional: flag(false), mode: word(MODES), minimumLevel: word(LEVELS) })

/**
 * Validates what one guard does differently from its factory.
 * @throws {@link Misconfigured}
 */
export function readRouteOptions(options: RouteOptions, factory: Pick<RouteSettings, 'mode'>): RouteSettings {
  const { mode = factory.mode, ...own } = ROUTE.read(options)
  return { ...own, mode }
}
