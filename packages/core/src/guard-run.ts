import type { Environment } from './environment.ts'
import type { Facts, Level } from './facts.ts'
import type { GuardSettings } from './guard-options.ts'
import type { OrderedChecks } from './guard-order.ts'
import type { CheckTiming } from './observer.ts'
import type { ReplyTemplates } from './reply-templates.ts'
import type { RequestState } from './request-state.ts'
import type { SourceLimiter } from './source-limit.ts'

/** One composed guard. */
export interface GuardContext extends OrderedChecks {
  readonly settings: GuardSettings
  readonly environment: Environment
  readonly route: {
    readonly optional: boolean
    readonly mode: 'enforce' | 'observe'
    readonly minimumLevel: Level | undefined
  }
  readonly templates: ReplyTemplates
  /** Hash of how this guard is configured. */
  readonly configuration: string
  /** Whether an observer, a recorder or `onRefusal` wants to know: decisions and timings are made for nobody else. */
  readonly listens: boolean
  /** `undefined` when it is off. */
  readonly sources: SourceLimiter | undefined
}

/** One request on its way through one guard. Its facts stand only once the guard lets it pass. */
export interface Run {
  readonly context: GuardContext
  readonly state: RequestState
  readonly facts: Partial<Facts>
  readonly timings: CheckTiming[]
}

/** Makes the environment of one guard factory. */
export function createEnvironment(settings: GuardSettings): Environment {
  const { clock, verifier, development, errorDetail, observers, service } = settings
  const measurers = observers.filter((observer) => observer.measured !== undefined)
  return {
    clock,
    verifier,
    development,
    hidesAgents: errorDetail === 'minimal',
    service,
    report: (measurement) => {
      for (const observer of measurers) {
        try {
          observer.measured?.(measurement)
        } catch {
          // Silence is right: reporting that a report failed would fail the same way.
        }
      }
    },
  }
}
