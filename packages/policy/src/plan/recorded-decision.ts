import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import type { PolicyInput } from '../input/policy-input.ts'

/** Why nothing can be said of a decision. A closed set. */
export type UntoldReason =
  /** No policy was asked then, so there is no question to ask again. */
  | 'not_asked'
  /** A policy was asked, and the question was not kept: `keepQuestion`. */
  | 'question_not_kept'
  /** It was kept and erased. */
  | 'question_erased'
  /** A credential stood in it and was masked: the question is another one. */
  | 'question_masked'
  /** The new policy gave no readable answer. */
  | 'undecided'
  /** The trail does not keep what a limit of the new grant is about. */
  | 'limits_not_kept'
  /** The new grant has roles, restrictions or times, which a service reads and a plan does not. */
  | 'grant_not_plain'
  /** The trail does not keep what a refused request would have needed. */
  | 'needs_not_kept'

/** Why there is no question to ask again. */
type QuestionState = 'not_asked' | 'question_not_kept' | 'question_erased' | 'question_masked'

/** What a line of an audit trail tells of one decision: docs/protocol/audit-record.md. */
export interface RecordedDecision {
  /** Names the decision; an outcome refers to it. */
  readonly id: string
  /** The request, about which several guards may have decided. */
  readonly requestId: string
  /** ISO 8601. */
  readonly at: string
  /** Proven; `undefined` for a stranger. */
  readonly agent: string | undefined
  /** The HTTP method. */
  readonly method: string
  /** The template of the route, where it is known. */
  readonly route: string | undefined
  /** Whether it passed. What a guard only observed did not. */
  readonly wasAllowed: boolean
  /** The check that refused; for an allowed request the last one. */
  readonly check: string
  /** Why it was refused. */
  readonly code: string | undefined
  /** Scopes that the request used. */
  readonly capabilities: readonly string[] | undefined
  /** Whether a token said what was granted. */
  readonly isDelegated: boolean
  /** Whether it used an approval up. */
  readonly isApproved: boolean
  /** Whether a policy was reached. */
  readonly wasAsked: boolean
  /** The question that was asked, or why it is not there. */
  readonly question: PolicyInput | QuestionState
}

/** How a request ended: it knows the route where a guard in front of the router does not. */
export interface RecordedOutcome {
  readonly of: string
  readonly route: string
}

/** Reads a line; `undefined` for what is neither. */
export function readTrailLine(line: string): RecordedDecision | RecordedOutcome | undefined {
  const placed = parse(line)
  const record = placed === undefined ? undefined : objectIn(placed, 'record')
  if (placed === undefined || record === undefined) return undefined
  const type = ownMember(record, 'type')
  if (type === 'decision') return readDecision(record, objectIn(placed, 'private') ?? {})
  const [of, route] = [textIn(record, 'of'), textIn(record, 'route')]
  return type === 'outcome' && of !== undefined && route !== undefined ? { of, route } : undefined
}

function readDecision(record: JsonObject, values: JsonObject): RecordedDecision | undefined {
  const [id, decision] = [textIn(record, 'id'), textIn(record, 'decision')]
  if (id === undefined || decision === undefined) return undefined
  const action = objectIn(record, 'action') ?? {}
  const capabilities = ownMember(action, 'capabilities')
  const wasAsked = objectIn(record, 'policy') !== undefined
  return {
    id,
    requestId: textIn(record, 'requestId') ?? '',
    at: textIn(record, 'at') ?? '',
    agent: textIn(objectIn(record, 'agent') ?? {}, 'id'),
    method: textIn(action, 'method') ?? '',
    route: textIn(objectIn(record, 'resource') ?? {}, 'route'),
    wasAllowed: decision === 'allow',
    check: textIn(record, 'check') ?? '',
    code: textIn(record, 'code'),
    capabilities: Array.isArray(capabilities) ? capabilities.map(String) : undefined,
    isDelegated: objectIn(record, 'delegation') !== undefined,
    isApproved: textIn(action, 'approval') !== undefined,
    wasAsked,
    question: wasAsked ? questionIn(record, values) : 'not_asked',
  }
}

function questionIn(record: JsonObject, values: JsonObject): RecordedDecision['question'] {
  const text = textIn(objectIn(values, 'question') ?? {}, 'value')
  if (text === undefined) {
    const isCommitted = textIn(objectIn(record, 'commitments') ?? {}, 'question') !== undefined
    return isCommitted ? 'question_erased' : 'question_not_kept'
  }
  if (text.includes('…')) return 'question_masked'
  const question = parse(text)
  return question === undefined ? 'question_not_kept' : (question as unknown as PolicyInput)
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    // A line that was cut off, or of another log.
    return undefined
  }
}

function objectIn(object: JsonObject, name: string): JsonObject | undefined {
  const value = ownMember(object, name)
  return isJsonObject(value) ? value : undefined
}

function textIn(object: JsonObject, name: string): string | undefined {
  const value = ownMember(object, name)
  return typeof value === 'string' ? value : undefined
}
