import { hash } from 'node:crypto'
import {
  AUDIT_SCHEMA_VERSION,
  type AuditActor,
  type AuditAgent,
  type AuditDelegation,
  type AuditResource,
  type DecisionRecord,
} from './audit-record.ts'
import { bounded, boundedOrNone, MAX_TEXT } from './bounded-text.ts'
import { commitTo, newSalt } from './commitment.ts'
import { evidenceOf } from './evidence.ts'
import { isoTime } from './iso-time.ts'
import type { RecordedDecision, RecordedDelegation } from './recorded-decision.ts'
import type { UnsealedRecord } from './seal-record.ts'
import type { SecretParameters } from './secret-parameters.ts'

/**
 * Puts the record of a decision together, its members in the order of canonical JSON. What is `undefined` is left out of the
 * text; one literal with every member costs a tenth of one that is put together from parts.
 */
export function decisionRecord(decision: RecordedDecision, id: string, secrets: SecretParameters): UnsealedRecord {
  const { agent, delegation, proof } = decision
  const salts = { user: newSalt(), target: newSalt() }
  const { evidence, signed } = evidenceOf(decision, salts.user, secrets)
  const { commitments, private: values } = commitTo(erasableValues(decision, signed, secrets), salts)
  const record: DecisionRecord = {
    action: auditAction(decision, secrets),
    agent: agent === undefined ? undefined : auditAgent(agent, decision, secrets),
    argumentHash: argumentHash(decision.query, salts.target, proof?.contentDigest),
    at: isoTime(decision.atMs),
    check: decision.check,
    claimedAgent: shown(decision.claimedAgent, MAX_TEXT.id, secrets),
    code: decision.code,
    commitments,
    configuration: decision.configuration,
    decision: decision.outcome,
    delegation: delegation === undefined ? undefined : auditDelegation(delegation, agent?.id, secrets),
    evidence,
    id,
    reason: boundedOrNone(decision.reason, MAX_TEXT.reason),
    requestId: decision.requestId,
    resource: auditResource(decision),
    status: decision.status,
    traceId: decision.traceId,
    type: 'decision',
    v: AUDIT_SCHEMA_VERSION,
  }
  return { record, private: values }
}

/** Sorted by name. */
function erasableValues(
  { address, delegation, intent, target }: RecordedDecision,
  signed: string | undefined,
  secrets: SecretParameters,
): Readonly<Record<string, string | undefined>> {
  return {
    actors: delegation === undefined ? undefined : actorsText(delegation, secrets),
    address,
    intent: shown(intent, MAX_TEXT.intent, secrets),
    signed,
    target: bounded(secrets.hideIn(target), MAX_TEXT.target),
    user: shown(delegation?.subject, MAX_TEXT.id, secrets),
  }
}

/** What others chose, cut, and without what shows to be a credential. */
function shown<Text extends string | undefined>(text: Text, max: number, { hideIn }: SecretParameters): Text | string {
  return text === undefined ? text : bounded(hideIn(text), max)
}

function auditAction(
  { approval, method, used }: RecordedDecision,
  secrets: SecretParameters,
): DecisionRecord['action'] {
  return {
    approval: shown(approval && `${approval.issuer} ${approval.ticketId}`, MAX_TEXT.id * 2, secrets),
    capabilities: used === undefined ? undefined : boundedList(used),
    method: bounded(method, MAX_TEXT.method),
  }
}

function auditAgent(
  { id, level, owner, scheme, type, version }: NonNullable<RecordedDecision['agent']>,
  { instance, proof }: RecordedDecision,
  secrets: SecretParameters,
): AuditAgent {
  return {
    id: shown(id, MAX_TEXT.id, secrets),
    instance: shown(instance, MAX_TEXT.id, secrets),
    keyId: shown(proof?.keyId, MAX_TEXT.id, secrets),
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
  secrets: SecretParameters,
): AuditDelegation {
  const { actor, priorActors, issuer } = delegation
  return {
    actor: actor.id === agentId ? auditActor(actor, secrets) : undefined,
    binding: delegation.binding,
    depth: priorActors.length + 1,
    expiresAt: isoSeconds(delegation.expiresAt),
    issuedAt: isoSeconds(delegation.issuedAt),
    issuer: shown(issuer, MAX_TEXT.id, secrets),
    scopes: boundedList(delegation.scopes).map(secrets.hideIn),
    tokenId: shown(delegation.tokenId, MAX_TEXT.id, secrets),
  }
}

function auditActor({ id, issuer }: RecordedDelegation['actor'], secrets: SecretParameters): AuditActor {
  return { id: shown(id, MAX_TEXT.id, secrets), issuer: shown(issuer, MAX_TEXT.id, secrets) }
}

/** The whole chain, who acts now first, as a JSON text: which of them are people, nobody can tell from an id. */
function actorsText({ actor, priorActors }: RecordedDelegation, secrets: SecretParameters): string {
  return JSON.stringify([actor, ...priorActors].slice(0, MAX_ACTORS).map((one) => auditActor(one, secrets)))
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
