import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import type { Assessment, Standing } from '../assessment.ts'
import { RISK_LEVELS, type RiskLevel } from '../levels/levels.ts'
import type { EndedRequest, Observation } from '../observation.ts'
import type { LevelChange } from '../risk-store.ts'

/** A request as it is told to the service, which dates it itself: clocks of callers do not count. */
export type ToldRequest = Omit<Observation, 'atMs'>

/** How a request ended, as it is told. */
export type ToldEnd = Omit<EndedRequest, 'atMs'>

/** What a check asks. Answers come in the order of `requests`, then `agents`. */
export interface ScoresQuestion {
  /** Requests to observe and to assess. */
  readonly requests: readonly ToldRequest[]
  /** Agents whose standing is asked for, without any request of theirs. */
  readonly agents: readonly string[]
  /** How earlier requests ended. */
  readonly ended: readonly ToldEnd[]
}

/** What the service answers. */
export interface ScoresAnswer {
  readonly scores: readonly Assessment[]
  /** Changes of level that this question brought about. */
  readonly changes: readonly LevelChange[]
}

type HasShape = (value: unknown) => boolean

const isAgentId: HasShape = (value) => typeof value === 'string' && value.length > 0 && value.length <= 256
const isText: HasShape = (value) => typeof value === 'string' && value.length <= 2000
const isFlag: HasShape = (value) => typeof value === 'boolean'
const isHash: HasShape = (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff
const isReal: HasShape = (value) => Number.isFinite(value)
const isLevel: HasShape = (value) => RISK_LEVELS.includes(value as RiskLevel)
const isScore: HasShape = (value) => typeof value === 'number' && value >= 0 && value <= 100
const isTexts: HasShape = (value) => Array.isArray(value) && value.length <= 64 && value.every(isText)

const REQUEST: readonly (readonly [keyof ToldRequest, HasShape])[] = [
  ['agentId', isAgentId],
  ['isSafe', isFlag],
  ['route', isHash],
  ['resource', isHash],
  ['resourceNumber', isReal],
  ['user', isHash],
  ['key', isHash],
  ['capability', isHash],
  ['amount', isReal],
  ['isHoney', isFlag],
]

/** Whether a value is a request as checks tell it. */
export function isToldRequest(value: unknown): value is ToldRequest {
  if (!isJsonObject(value)) return false
  const { address, prefix, place } = value
  const isAddressed = address === undefined || (typeof address === 'string' && address.length <= 64)
  const isPlaced = (prefix === undefined || isHash(prefix)) && (place === undefined || isPlace(place))
  const isMarked = [value['isRepeated'], value['hadTurn']].every((mark) => mark === undefined || isFlag(mark))
  return isAddressed && isPlaced && isMarked && hasAll(value, REQUEST)
}

function isPlace(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  const { asn, country } = value
  return (
    (asn === undefined || isHash(asn)) && (country === undefined || (typeof country === 'string' && isText(country)))
  )
}

const ENDS: ReadonlySet<unknown> = new Set<EndedRequest['end']>(['served', 'failed', 'refused', 'missing'])

/** Whether a value says how a request ended. */
export function isToldEnd(value: unknown): value is ToldEnd {
  if (!isJsonObject(value) || !isAgentId(value['agentId']) || !ENDS.has(value['end'])) return false
  return value['bytes'] === undefined || (Number.isSafeInteger(value['bytes']) && Number(value['bytes']) >= 0)
}

/** Whether a value is the name of an agent. */
export function isNamedAgent(value: unknown): value is string {
  return isAgentId(value)
}

const ASSESSMENT: readonly (readonly [keyof Assessment, HasShape])[] = [
  ['score', isScore],
  ['level', isLevel],
  ['wouldBe', isLevel],
  ['reasons', isTexts],
]

const CHANGE: readonly (readonly [keyof LevelChange, HasShape])[] = [
  ['agentId', isAgentId],
  ['from', isLevel],
  ['to', isLevel],
  ['atMs', isReal],
  ['score', isScore],
  ['reasons', isTexts],
  ['by', isText],
]

/**
 * Reads what a service answers: it may be another program than ours.
 * @throws TypeError for what is no answer to a question of this length
 */
export function readScores({ scores, changes = [] }: JsonObject, length: number): ScoresAnswer {
  const isWhole = Array.isArray(scores) && scores.length === length && scores.every(isAssessment)
  if (!isWhole) throw new TypeError('the service answers with other scores than it was asked for')
  if (!Array.isArray(changes) || !changes.every(isChange)) throw new TypeError('the service tells of no changes')
  return { scores: scores.map(onlyAssessment), changes: changes.map((change) => ({ ...change, why: change.why })) }
}

function isAssessment(value: unknown): value is Assessment {
  if (!isJsonObject(value) || !hasAll(value, ASSESSMENT)) return false
  const { waitSeconds } = value
  return waitSeconds === undefined || (isReal(waitSeconds) && Number(waitSeconds) >= 0)
}

function isChange(value: unknown): value is LevelChange {
  return isJsonObject(value) && hasAll(value, CHANGE) && (value['why'] === undefined || isText(value['why']))
}

/** Whether a value is where an agent stands. */
export function isStanding(value: unknown): value is Standing {
  if (!isJsonObject(value) || !isAgentId(value['agentId']) || !isAssessment(value)) return false
  const { sinceMs, heldUntilMs, evidence }: JsonObject = value
  return isReal(sinceMs) && (heldUntilMs === undefined || isReal(heldUntilMs)) && Array.isArray(evidence)
}

/** What else a service sends is not handed on. */
export function onlyAssessment({ score, level, wouldBe, reasons, waitSeconds }: Assessment): Assessment {
  return { score, level, wouldBe, reasons, ...(waitSeconds === undefined ? {} : { waitSeconds }) }
}

function hasAll(value: JsonObject, members: readonly (readonly [string, HasShape])[]): boolean {
  return members.every(([name, has]) => Object.hasOwn(value, name) && has(value[name]))
}
