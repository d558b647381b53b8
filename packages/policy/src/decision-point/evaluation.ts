import { Refusal } from '@countermark/core'
import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import type { PolicyDecision } from '../engines/engine.ts'
import type { JsonRecord, PolicyActor, PolicyInput } from '../input/policy-input.ts'

/** In which order and how far questions are answered (AuthZEN 1.0 section 7.1.2). */
export type EvaluationsSemantic = 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit'

/** Questions of one request. */
export interface AskedEvaluations {
  readonly inputs: readonly PolicyInput[]
  readonly semantic: EvaluationsSemantic
  /** Asked one by one, where one answer is given. */
  readonly isSingle: boolean
}

const SEMANTICS: readonly unknown[] = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit']

/**
 * Reads one question (AuthZEN 1.0 section 6). `caller` is who asks: everything else is what the caller says.
 * @throws {@link Refusal} `request_malformed`
 */
export function readQuestion(body: JsonObject, caller: string): PolicyInput {
  const subject = entityIn(body, 'subject')
  const action = objectIn(body, 'action')
  const name = ownMember(action, 'name')
  if (typeof name !== 'string' || name === '') throw malformed('action must have a name')
  const resource = entityIn(body, 'resource')
  const { actor: agent, scope, ...context } = body['context'] === undefined ? {} : objectIn(body, 'context')
  const behind = isJsonObject(agent) && subject.type === 'user' ? entityIn({ agent }, 'agent') : undefined
  const scopes = scope ?? subject.properties['scope']
  return {
    actor: actorOf(behind ?? subject),
    ...(behind === undefined
      ? {}
      : { on_behalf_of: { user_id: subject.id, issuer: textIn(subject.properties, 'issuer') } }),
    action: name,
    resource: { ...resource.properties, type: resource.type, id: resource.id },
    scope: Array.isArray(scopes) ? scopes.filter((one) => typeof one === 'string') : [],
    context: { ...(context as JsonRecord), ...propertiesOf(action), caller },
  }
}

/**
 * Reads many questions: members beside `evaluations` are what those leave out.
 * @throws {@link Refusal} `request_malformed`
 */
export function readQuestions(body: JsonObject, caller: string, most: number): AskedEvaluations {
  const evaluations = ownMember(body, 'evaluations')
  if (evaluations === undefined || (Array.isArray(evaluations) && evaluations.length === 0)) {
    return { inputs: [readQuestion(body, caller)], semantic: 'execute_all', isSingle: true }
  }
  if (!Array.isArray(evaluations) || evaluations.length > most) {
    throw malformed(`evaluations must be a list of at most ${most}`)
  }
  const options = body['options'] === undefined ? {} : objectIn(body, 'options')
  const semantic = ownMember(options, 'evaluations_semantic') ?? 'execute_all'
  if (!SEMANTICS.includes(semantic)) throw malformed('options.evaluations_semantic is not known')
  const { subject, action, resource, context } = body
  const shared = Object.entries({ subject, action, resource, context }).filter(([, value]) => value !== undefined)
  const inputs = evaluations.map((each) => {
    if (!isJsonObject(each)) throw malformed('each of evaluations must be an object')
    return readQuestion({ ...Object.fromEntries(shared), ...each }, caller)
  })
  return { inputs, semantic: semantic as EvaluationsSemantic, isSingle: false }
}

/** An answer (section 5.5). Callers enforce decisions: they are told what operators are. */
export function writeAnswer(decision: PolicyDecision): JsonObject {
  const { allow, reason, tell, revision, decision_id: id, obligations } = decision
  const context = {
    ...(reason === undefined ? {} : { reason_admin: { en: reason } }),
    ...(tell === undefined ? {} : { reason_user: { en: tell } }),
    ...(revision === undefined ? {} : { policy_revision: revision }),
    ...(id === undefined ? {} : { decision_id: id }),
    ...(obligations === undefined ? {} : { obligations }),
  }
  return Object.keys(context).length === 0 ? { decision: allow } : { decision: allow, context }
}

/** Whether the answers to the questions behind this one are not wanted any more. */
export function isOver(semantic: EvaluationsSemantic, isAllowed: boolean): boolean {
  return semantic === (isAllowed ? 'permit_on_first_permit' : 'deny_on_first_deny')
}

interface Entity {
  readonly type: string
  readonly id: string
  readonly properties: JsonRecord
}

function entityIn(body: JsonObject, name: string): Entity {
  const entity = objectIn(body, name)
  const [type, id] = [ownMember(entity, 'type'), ownMember(entity, 'id')]
  if (typeof type !== 'string' || typeof id !== 'string') throw malformed(`${name} must have a type and an id`)
  return { type, id, properties: propertiesOf(entity) }
}

function propertiesOf(entity: JsonObject): JsonRecord {
  const properties = ownMember(entity, 'properties')
  if (properties === undefined) return {}
  if (isJsonObject(properties)) return properties as JsonRecord
  throw malformed('properties must be an object')
}

const KNOWN = ['issuer', 'level', 'scheme', 'kind', 'version', 'owner'] as const

function actorOf({ type, id, properties }: Entity): PolicyActor {
  const known = KNOWN.flatMap((name) => {
    const value = ownMember(properties, name)
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  const isFurther = Object.keys(properties).length > known.length
  return { type, id, ...Object.fromEntries(known), ...(isFurther ? { properties } : {}) }
}

function objectIn(body: JsonObject, name: string): JsonObject {
  const value = ownMember(body, name)
  if (isJsonObject(value)) return value
  throw malformed(`${name} must be an object`)
}

function textIn(properties: JsonRecord, name: string): string {
  const value = ownMember(properties, name)
  return typeof value === 'string' ? value : ''
}

/** The question is at fault. */
export function malformed(message: string): Refusal {
  return new Refusal('request_malformed', message)
}
