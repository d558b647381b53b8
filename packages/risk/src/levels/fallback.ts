import type { Environment } from '@countermark/core'
import { createRecent, isThenable, reportDegraded } from '@countermark/core/internal'
import type { Assessment, Fallback } from '../assessment.ts'
import { memoryRisk } from '../memory/memory-risk.ts'
import { METRICS } from '../metric-rows.ts'
import type { Observation } from '../observation.ts'
import type { RiskBook, RiskSettings } from '../risk-store.ts'
import { CALM } from '../sketch/sketches.ts'
import { demandOf, riskUnavailable } from './answer.ts'
import { rankOf } from './levels.ts'

/** Asks a store, and knows what holds when it cannot answer. */
export type AskBook = (observation: Observation, environment: Environment) => Assessment | Promise<Assessment>

/** Levels that a store elsewhere has told. */
const SAID = { maxEntries: 20_000, maxCharacters: 2_000_000 }

const UNTOLD = {
  allow: Object.freeze({ ...CALM, fallback: 'allow' }),
  'read-only': Object.freeze({ ...CALM, fallback: 'read-only' }),
} as const

/**
 * Puts the stated fallback behind a store. That it holds is told with each assessment and by the metrics.
 * @throws {@link Unavailable} `risk_unavailable` for what changes something, with `read-only`
 */
export function createAskBook(book: RiskBook, opening: RiskSettings, fallback: Fallback): AskBook {
  let spare: Pick<RiskBook, 'assess' | 'takeTurn'> | undefined
  let isDegraded = false
  /** The store keeps no copy here. */
  const isForgetful = fallback === 'local' && book.assessAlone === undefined
  const lastSaid = createRecent<Assessment>(SAID)

  function alone(observation: Observation, environment: Environment): Assessment {
    if (fallback !== 'local') return UNTOLD[fallback]
    // What this process has seen of the store's agents, where the store keeps a copy here.
    spare ??= book.assessAlone === undefined ? memoryRisk().open(opening) : { ...book, assess: book.assessAlone }
    const seen = atOnce(spare.assess(observation, environment))
    // A level does not end because the store that keeps it is away: whoever is at one would have a reason to bring that about.
    const said = lastSaid.find(observation.agentId) ?? seen
    const assessment = rankOf(said.level) > rankOf(seen.level) ? said : seen
    const isTurn = demandOf(assessment.level, observation.isSafe) === 'turn' && observation.hadTurn !== true
    const waitSeconds = isTurn ? atOnce(spare.takeTurn(observation.agentId, observation.atMs)) : 0
    return { ...assessment, fallback, waitSeconds }
  }

  function fallBack(cause: unknown, observation: Observation, environment: Environment): Assessment {
    environment.report(METRICS.measure('risk_fallbacks_total', 1, { fallback }))
    mark(true, environment)
    if (fallback === 'read-only' && !observation.isSafe) throw riskUnavailable(cause)
    return alone(observation, environment)
  }

  function mark(isFailing: boolean, { report }: Environment): void {
    if (isFailing !== isDegraded) reportDegraded(report, 'risk', isFailing ? 1 : 0)
    isDegraded = isFailing
  }

  function answered(assessment: Assessment, environment: Environment): Assessment {
    mark(false, environment)
    return assessment
  }

  function remember(assessment: Assessment, agentId: string): Assessment {
    if (isForgetful && (rankOf(assessment.level) > 0 || lastSaid.find(agentId) !== undefined)) {
      lastSaid.keep(agentId, assessment)
    }
    return assessment
  }

  return (observation, environment) => {
    try {
      const assessed = book.assess(observation, environment)
      if (!isThenable(assessed)) return answered(assessed, environment)
      return assessed.then(
        (found) => answered(remember(found, observation.agentId), environment),
        (error: unknown) => fallBack(error, observation, environment),
      )
    } catch (error) {
      return fallBack(error, observation, environment)
    }
  }
}

function atOnce<Value>(value: Value | Promise<Value>): Value {
  if (isThenable(value)) throw new TypeError('what is remembered in this process answers at once')
  return value
}
