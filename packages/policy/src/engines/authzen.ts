import { requireKnownOptions } from '@countermark/core'
import { isJsonObject, type JsonObject, type JsonValue, ownMember } from '@countermark/core/internal'
import { readObligation, UnreadableAnswer } from '../answer/read-decision.ts'
import type { JsonRecord, PolicyInput } from '../input/policy-input.ts'
import type { PolicyDecision, PolicyEngine } from './engine.ts'
import { createPost, REMOTE_OPTIONS, type RemoteEngineOptions } from './remote.ts'

/** Options of {@link authzen}. */
export interface AuthzenOptions extends RemoteEngineOptions {
  /** The decision point, `https://pdp.example.com`: the paths of AuthZEN 1.0 are put behind it. */
  readonly url: string
}

/** Most questions in one request. */
const MOST_EVALUATIONS = 100

/**
 * Asks a decision point by the Authorization API 1.0 of AuthZEN. Its subject is the user, or the agent that acts for itself; the agent
 * is in `context.actor` in any case.
 * @throws Misconfigured `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 * @example
 * consultPolicy(authzen({ url: 'https://pdp.example.com' }))
 */
export function authzen(options: AuthzenOptions): PolicyEngine {
  requireKnownOptions('authzen', options, REMOTE_OPTIONS)
  const post = createPost('authzen', options)
  const base = options.url.replace(/\/$/, '')
  return {
    name: 'authzen',
    decide: async (input, { signal }) =>
      readEvaluation(await post(`${base}/access/v1/evaluation`, toEvaluation(input), signal)),
    decideAll: async (inputs, { signal }) => {
      const answers: unknown[] = []
      for (let from = 0; from < inputs.length; from += MOST_EVALUATIONS) {
        const evaluations = inputs.slice(from, from + MOST_EVALUATIONS).map(toEvaluation)
        const answer = await post(`${base}/access/v1/evaluations`, { evaluations }, signal)
        answers.push(...readEvaluations(answer, evaluations.length))
      }
      return answers
    },
  }
}

/** The question as AuthZEN asks it (section 5). */
export function toEvaluation(input: PolicyInput): JsonRecord {
  const { actor, on_behalf_of: user, action, resource, scope, context } = input
  const { type, id, properties, ...known } = actor
  const agent: JsonRecord = { type, id, properties: { ...properties, ...known } }
  const subject = user === undefined ? agent : { type: 'user', id: user.user_id, properties: { issuer: user.issuer } }
  return {
    subject,
    action: { name: action },
    resource: toResource(resource, context),
    context: { ...context, actor: agent, scope: [...scope] },
  }
}

/** AuthZEN wants a type and an id of every resource (section 5.4). */
function toResource({ type, id, ...properties }: JsonRecord, { path = '/' }: JsonRecord): JsonRecord {
  return {
    type: typeof type === 'string' ? type : 'resource',
    id: typeof id === 'string' ? id : textOf(properties['path'] ?? path),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  }
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/**
 * Reads `{ decision, context }` (section 5.5). Nothing but the two booleans decides.
 * @throws {@link UnreadableAnswer}
 */
export function readEvaluation(answer: JsonObject): PolicyDecision {
  const decision = ownMember(answer, 'decision')
  if (decision === undefined) throw new UnreadableAnswer('undecided', 'the answer has no decision')
  if (typeof decision !== 'boolean') throw new UnreadableAnswer('malformed', 'decision must be true or false')
  const context = ownMember(answer, 'context')
  if (!isJsonObject(context)) return { allow: decision }
  const error = ownMember(context, 'error')
  if (isJsonObject(error)) throw new UnreadableAnswer('undecided', 'the decision point met an error')
  return { allow: decision, ...reasonsOf(context), ...obligationsOf(context) }
}

function readEvaluations(answer: JsonObject, count: number): readonly unknown[] {
  const evaluations = ownMember(answer, 'evaluations')
  if (!Array.isArray(evaluations) || evaluations.length !== count) {
    throw new UnreadableAnswer('malformed', 'there must be one answer for each question')
  }
  return evaluations.map((each) => (isJsonObject(each) ? tryReadEvaluation(each) : undefined))
}

function tryReadEvaluation(answer: JsonObject): PolicyDecision | undefined {
  try {
    return readEvaluation(answer)
  } catch (error) {
    if (error instanceof UnreadableAnswer) return undefined
    throw error
  }
}

/** `reason_admin` is for operators, `reason_user` may be told: texts, or texts by language or number. */
function reasonsOf(context: JsonObject): Pick<PolicyDecision, 'reason' | 'tell' | 'revision' | 'decision_id'> {
  const [admin, user] = [firstText(ownMember(context, 'reason_admin')), firstText(ownMember(context, 'reason_user'))]
  const [revision, id] = [ownMember(context, 'policy_revision'), ownMember(context, 'decision_id')]
  const reason = admin ?? firstText(ownMember(context, 'reason'))
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(user === undefined ? {} : { tell: user }),
    ...(typeof revision === 'string' ? { revision } : {}),
    ...(typeof id === 'string' ? { decision_id: id } : {}),
  }
}

function firstText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (!isJsonObject(value)) return undefined
  const chosen = ownMember(value, 'en') ?? Object.values(value)[0]
  return typeof chosen === 'string' ? chosen : undefined
}

/** What a decision point asks for besides. */
function obligationsOf(context: JsonObject): Pick<PolicyDecision, 'obligations'> {
  const given = ownMember(context, 'obligations')
  if (given === undefined) return {}
  if (!Array.isArray(given)) throw new UnreadableAnswer('malformed', 'obligations must be a list')
  return { obligations: given.map(readObligation) }
}
