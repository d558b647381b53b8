import { isMisconfigured, Refusal } from '@countermark/core'
import { AmbiguousJson, isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'
import type { Review } from '../review/decision.ts'
import { requireReview } from '../review/review.ts'
import { isNamedAgent, isToldEnd, isToldRequest, type ScoresQuestion } from './wire.ts'

const RULES = { maxDepth: 6, maxMembers: 50_000 }

/**
 * Reads a body of JSON.
 * @throws Refusal `request_malformed`
 */
export function readJson(content: Buffer): JsonObject {
  try {
    const value = parseStrictJson(content, RULES)
    if (isJsonObject(value)) return value
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof AmbiguousJson) {
      throw new Refusal('request_malformed', 'the body is no JSON that every parser reads alike', { cause: error })
    }
    throw error
  }
  throw new Refusal('request_malformed', 'the body must be an object of JSON')
}

/**
 * Reads a question for scores.
 * @throws Refusal `input_invalid`
 */
export function readQuestion(given: JsonObject, most: number): ScoresQuestion {
  requireMembers(given, ['requests', 'agents', 'ended'])
  const { requests = [], agents = [], ended = [] } = given
  if (!isListOf(requests, isToldRequest)) throw invalid('requests must be a list of what checks observe')
  if (!isListOf(agents, isNamedAgent)) throw invalid('agents must be a list of names')
  if (!isListOf(ended, isToldEnd)) throw invalid('ended must be a list of how requests ended')
  if (requests.length + agents.length > most) throw invalid(`at most ${most} scores are answered at once`)
  return { requests, agents, ended }
}

/**
 * Reads whose turn is asked for.
 * @throws Refusal `input_invalid`
 */
export function readTurn(given: JsonObject): string {
  requireMembers(given, ['agent'])
  if (!isNamedAgent(given['agent'])) throw invalid('agent must be the name of one')
  return given['agent']
}

/**
 * Reads a reviewer's decision. Who decides is known by the caller's token: what the body says is kept next to it.
 * @throws Refusal `input_invalid`
 */
export function readReview({ by, ...given }: JsonObject, callerName: string): Review {
  if (by !== undefined && (typeof by !== 'string' || by.length > 256)) throw invalid('by must be a name')
  if (typeof given['why'] === 'string' && given['why'].length > 1000)
    throw invalid('why must have at most 1000 characters')
  const named = by === undefined || by === callerName ? callerName : `${by} via ${callerName}`
  try {
    return requireReview({ ...given, by: named } as Review)
  } catch (error) {
    if (isMisconfigured(error)) throw invalid(error.message)
    throw error
  }
}

function isListOf<Item>(value: unknown, is: (item: unknown) => item is Item): value is readonly Item[] {
  return Array.isArray(value) && value.every(is)
}

function requireMembers(given: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined) throw invalid(`only ${known.join(', ')} may be given`)
}

function invalid(message: string): Refusal {
  return new Refusal('input_invalid', message)
}
