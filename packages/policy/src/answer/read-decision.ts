import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import type { PolicyDecision, PolicyObligation } from '../engines/engine.ts'

/** Why an answer is none. A closed set, fit for a metric label. */
export type UnreadableReason = 'undecided' | 'malformed' | 'obligation_unknown'

const UNREADABLE = Symbol.for('countermark.unreadable-answer')

/** An engine said something that is no decision. */
export class UnreadableAnswer extends Error {
  /** Tells this error apart. */
  override readonly name = 'UnreadableAnswer'
  /** As a closed word. */
  readonly reason: UnreadableReason

  constructor(reason: UnreadableReason, message: string) {
    super(message)
    this.reason = reason
    Object.defineProperty(this, UNREADABLE, { value: true })
  }
}

/** Whether an error is an {@link UnreadableAnswer}, also one made by another copy of this package. */
export function isUnreadableAnswer(error: unknown): error is UnreadableAnswer {
  return typeof error === 'object' && error !== null && UNREADABLE in error
}

const MAX_TEXT = 512
const MAX_OBLIGATIONS = 16
/** An answer that holds for longer is asked for again. */
const MAX_CACHE_SECONDS = 3_600

/**
 * Reads what an engine answered. Only the booleans decide: no text, no number and no object counts as a yes. Members that are
 * not known are passed over, for packages of Rego have many; `deny`, where there is one, must be empty.
 * @throws {@link UnreadableAnswer}
 */
export function readDecision(answer: unknown): PolicyDecision {
  if (typeof answer === 'boolean') return { allow: answer }
  if (answer === undefined || answer === null) throw new UnreadableAnswer('undecided', 'the policy decided nothing')
  if (!isJsonObject(answer)) throw malformed('a decision is true, false or an object with allow')
  const allow = ownMember(answer, 'allow')
  if (allow === undefined) throw new UnreadableAnswer('undecided', 'the policy says neither yes nor no')
  if (typeof allow !== 'boolean') throw malformed('allow must be true or false')
  const decision = { allow: allow && !denies(answer) }
  return { ...decision, ...textsOf(answer), ...obligationsOf(answer), ...cacheOf(answer) }
}

/** `deny[msg]` is how many a package of Rego says no: what is there counts more than `allow`. */
function denies(answer: JsonObject): boolean {
  const deny = ownMember(answer, 'deny')
  if (deny === undefined || deny === false || deny === null) return false
  if (Array.isArray(deny)) return deny.length > 0
  return isJsonObject(deny) ? Object.keys(deny).length > 0 : true
}

const TEXTS = ['reason', 'tell', 'revision', 'decision_id'] as const

function textsOf(answer: JsonObject): Partial<PolicyDecision> {
  const found = TEXTS.map((name) => [name, ownMember(answer, name)] as const).filter(([, value]) => value != null)
  for (const [name, value] of found) if (typeof value !== 'string') throw malformed(`${name} must be a text`)
  return Object.fromEntries(found.map(([name, value]) => [name, shown(String(value))]))
}

/** Short, and nothing in it acts on a terminal. */
export function shown(text: string): string {
  const cut = text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`
  return cut.replace(/\p{C}/gu, '\u{fffd}')
}

function obligationsOf(answer: JsonObject): Partial<PolicyDecision> {
  const given = ownMember(answer, 'obligations')
  if (given === undefined || given === null) return {}
  if (!Array.isArray(given) || given.length > MAX_OBLIGATIONS) {
    throw malformed(`obligations must be a list of at most ${MAX_OBLIGATIONS}`)
  }
  return { obligations: given.map(readObligation) }
}

/**
 * Reads one obligation: what it asks for must be done, so one that is not understood lets nothing pass.
 * @throws {@link UnreadableAnswer} `obligation_unknown`
 */
export function readObligation(given: unknown): PolicyObligation {
  const type = isJsonObject(given) ? ownMember(given, 'type') : given
  if (type === 'approval' || type === 'read_only') return { type }
  if (type === 'limit' && isJsonObject(given)) {
    const [argument, max] = [ownMember(given, 'argument'), ownMember(given, 'max')]
    if (typeof argument === 'string' && typeof max === 'number') return { type, argument, max }
    const seconds = ownMember(given, 'retry_after_seconds')
    if (argument === undefined && typeof seconds === 'number' && seconds >= 0) {
      return { type, retry_after_seconds: seconds }
    }
  }
  throw new UnreadableAnswer('obligation_unknown', 'the policy asks for something that is not understood here')
}

function cacheOf(answer: JsonObject): Partial<PolicyDecision> {
  const seconds = ownMember(answer, 'cache_seconds')
  if (seconds === undefined || seconds === null) return {}
  if (typeof seconds !== 'number' || !(seconds >= 0)) throw malformed('cache_seconds must be a number from 0')
  return { cache_seconds: Math.min(seconds, MAX_CACHE_SECONDS) }
}

function malformed(message: string): UnreadableAnswer {
  return new UnreadableAnswer('malformed', message)
}
