import { LEVELS, type Level } from '../credential-scheme.ts'
import { custom, flag, optionTable, word } from '../internal/option-table.ts'
import { MODES, type Mode, type Rollout, type RolloutSettings, readRollout } from './rollout.ts'

/** What one guard may do differently from its factory. */
export interface RouteOptions {
  /** Let a request without credentials through; invalid ones are still refused. @default false */
  readonly optional?: boolean
  /** `observe` lets refused requests pass and reports what would have been refused. @default as the factory does */
  readonly mode?: Mode
  /** Enforces for a share of callers and observes for the others, instead of `mode`. @default as the factory does */
  readonly enforce?: Rollout
  /** The weakest credential accepted on this route, whatever its method. @default by method: `createGuard({ minimumLevel })` */
  readonly minimumLevel?: Level
}

/** Route options after validation. */
export interface RouteSettings {
  readonly optional: boolean
  readonly rollout: RolloutSettings
  readonly minimumLevel: Level | undefined
}

const ROUTE = optionTable('guard.with', {
  optional: flag(false),
  mode: word(MODES),
  enforce: custom((_name, given) => given as Rollout | undefined),
  minimumLevel: word(LEVELS),
})

/**
 * Validates what one guard does differently from its factory.
 * @throws {@link Misconfigured}
 */
export function readRouteOptions(options: RouteOptions, factory: Pick<RouteSettings, 'rollout'>): RouteSettings {
  const { mode, enforce, ...own } = ROUTE.read(options)
  return { ...own, rollout: readRollout({ mode, enforce }, factory.rollout) }
}
