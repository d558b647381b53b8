import { hash } from 'node:crypto'
import {
  AUDIT_SCHEMA_VERSION,
  type AuditActor,
  type AuditAgent,
  type AuditDelegation,
  type AuditPolicy,
  type AuditResource,
  type DecisionRecord,
} from './audit-record.ts'
import { bounded, boundedOrNone, MAX_TEXT } from './bounded-text.ts'
import { commitTo, newSalt, type UnsealedRecord } from './chain.ts'
import { evidenceOf } from './evidence.ts'
import type { RecordedDecision, RecordedDelegation } from './read-decision.ts'
import type { SecretMask } from './secret-mask.ts'

/**
 * Puts the record of a decision together, its members in the order of canonical JSON. What is `undefined` is left out of the
 * text; one literal with every member costs a tenth of one that is put together from parts.
 */
export function writeDecision(decision: RecordedDecision, id: string, mask: SecretMask): UnsealedRecord {
  const { agent, delegation, proof } = decision
  const salts = { user: newSalt(), target: newSalt() }
  const { evidence, signed } = evidenceOf(decision, salts.user, mask)
  const { commitments, private: values } = commitTo(erasableValues(decision, signed, mask), salts)
  const record: DecisionRecord = {
    action: auditAction(decision, mask),
    agent: agent === undefined ? undefined : auditAgent(agent, decision, mask),
    argumentHash: argumentHash(decision.query, salts.target, proof?.contentDigest),
    at: isoTime(decision.atMs),
    check: decision.check,
    claimedAgent: shown(decision.claimedAgent, MAX_TEXT.id, mask),
    code: decision.code,
    commitments,
    configuration: decision.configuration,
    decision: decision.outcome,
    delegation: delegation === undefined ? undefined : auditDelegation(delegation, agent?.id, mask),
    evidence,
    id,
    mode: decision.mode === 'observe' ? 'observe' : undefined,
    policy: decision.policy === undefined ? undefined : auditPolicy(decision.policy, mask),
    reason: boundedOrNone(decision.reason, MAX_TEXT.reason),
    requestId: decision.requestId,
    resource: auditResource(decision),
    risk: decision.risk,
    status: decision.status,
    traceId: decision.traceId,
    type: 'decision',
    v: AUDIT_SCHEMA_VERSION,
  }
  return { record, private: values }
}

/** Sorted by name. */
function erasableValues(
  { address, delegation, intent, policy, target }: RecordedDecision,
  signed: string | undefined,
  mask: SecretMask,
): Readonly<Record<string, string | undefined>> {
  return {
    actors: delegation === undefined ? undefined : actorsText(delegation, mask),
    address,
    intent: shown(intent, MAX_TEXT.intent, mask),
    question: policy?.question === undefined ? undefined : questionText(policy.question, mask),
    signed,
    target: bounded(mask.maskText(target), MAX_TEXT.target),
    user: shown(delegation?.subject, MAX_TEXT.id, mask),
  }
}

/** A text of a caller: cut, and without what shows to be a credential. */
function shown<Text extends string | undefined>(text: Text, max: number, mask: SecretMask): Text | string {
  return text === undefined ? text : bounded(mask.maskText(text), max)
}

function auditAction({ approval, method, used }: RecordedDecision, mask: SecretMask): DecisionRecord['action'] {
  return {
    approval: shown(approval && `${approval.issuer} ${approval.ticketId}`, MAX_TEXT.id * 2, mask),
    capabilities: used === undefined ? undefined : boundedList(used),
    method: bounded(method, MAX_TEXT.method),
  }
}

function auditPolicy(policy: NonNullable<RecordedDecision['policy']>, mask: SecretMask): AuditPolicy {
  const { obligations } = policy
  return {
    action: shown(policy.action, MAX_TEXT.id, mask),
    cached: policy.isCached ? true : undefined,
    decision: policy.decision,
    decisionId: boundedOrNone(policy.decisionId, MAX_TEXT.id),
    engine: policy.engine,
    obligations: obligations.length === 0 ? undefined : obligations,
    reason: shown(boundedOrNone(policy.reason, MAX_TEXT.reason), MAX_TEXT.reason, mask),
    revision: boundedOrNone(policy.revision, MAX_TEXT.id),
  }
}

/** A question that is cut off could not be asked again: one that is too long is left out. */
function questionText(question: string, mask: SecretMask): string | undefined {
  if (question.length > MAX_TEXT.question) return undefined
  return bounded(JSON.stringify(mask.maskJson(JSON.parse(question))), MAX_TEXT.question * 2)
}

function auditAgent(
  { id, level, owner, scheme, type, version }: NonNullable<RecordedDecision['agent']>,
  { instance, proof }: RecordedDecision,
  mask: SecretMask,
): AuditAgent {
  return {
    id: shown(id, MAX_TEXT.id, mask),
    instance: shown(instance, MAX_TEXT.id, mask),
    keyId: shown(proof?.keyId, MAX_TEXT.id, mask),
    level,
    owner: boundedOrNone(owner, MAX_TEXT.id),
    scheme,
    thumbprint: proof?.thumbprint,
    type: boundedOrNone(type, MAX_TEXT.id),
    version: boundedOrNone(version, MAX_TEXT.id),
  }
}

function auditDelegation(
  delegation: RecordedDelegation,
  agentId: string | undefined,
  mask: SecretMask,
): AuditDelegation {
  const { actor, priorActors, issuer } = delegation
  return {
    actor: actor.id === agentId ? auditActor(actor, mask) : undefined,
    binding: delegation.binding,
    depth: priorActors.length + 1,
    expiresAt: isoSeconds(delegation.expiresAt),
    issuedAt: isoSeconds(delegation.issuedAt),
    issuer: shown(issuer, MAX_TEXT.id, mask),
    scopes: boundedList(delegation.scopes).map((scope) => mask.maskText(scope)),
    tokenId: shown(delegation.tokenId, MAX_TEXT.id, mask),
  }
}

function auditActor({ id, issuer }: RecordedDelegation['actor'], mask: SecretMask): AuditActor {
  return { id: shown(id, MAX_TEXT.id, mask), issuer: shown(issuer, MAX_TEXT.id, mask) }
}

/** The whole chain as a JSON text, erasable because an id does not tell whether it is a person's. The actor that acts now comes first. */
function actorsText({ actor, priorActors }: RecordedDelegation, mask: SecretMask): string {
  return JSON.stringify([actor, ...priorActors].slice(0, MAX_ACTORS).map((one) => auditActor(one, mask)))
}

const MAX_ACTORS = 32

function auditResource({ authority, dataClass, route }: RecordedDecision): AuditResource {
  return {
    authority,
    dataClass: boundedOrNone(dataClass, MAX_TEXT.id),
    route: boundedOrNone(route, MAX_TEXT.target),
  }
}

function argumentHash(query: string | undefined, salt: string, contentDigest: string | undefined): string | undefined {
  if (query === undefined && contentDigest === undefined) return undefined
  return hash('sha256', `${salt}\n${query ?? ''}\n${contentDigest ?? ''}`, 'base64url')
}

function boundedList(texts: readonly string[]): readonly string[] {
  return texts.slice(0, MAX_TEXT.scopes).map((text) => bounded(text, MAX_TEXT.scope))
}

/** The largest year that ISO 8601 writes with four digits; tokens may say what they like. */
function isoSeconds(seconds: number): string {
  const ms = Math.min(Math.max(seconds * 1000, 0), 253_402_300_799_999)
  return new Date(Number.isNaN(ms) ? 0 : ms).toISOString()
}

let knownMs = Number.NaN
let known = ''

/** ISO 8601 in UTC with milliseconds. Requests that come together have the same time, which is then written once. */
export function isoTime(ms: number): string {
  if (ms !== knownMs) {
    known = new Date(ms).toISOString()
    knownMs = ms
  }
  return known
}
