import { hash } from 'node:crypto'
import type { AgentFact, AgentRequest, Decision, DelegationFact, ProofFact } from '@countermark/core'
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
import type { UnsealedRecord } from './seal-record.ts'
import type { SecretParameters } from './secret-parameters.ts'

/** What a trail reads from requests, and how. */
export interface RecordRules {
  readonly secrets: SecretParameters
  /** Fields, in lower case, in which an agent says what it is about to do, and which of its instances it is. */
  readonly intentHeader: string
  readonly instanceHeader: string
  readonly traceIdOf: (request: AgentRequest) => string | undefined
  readonly dataClassOf: (request: AgentRequest) => string | undefined
}

/** What another moment would show otherwise. */
export interface SeenAtOnce {
  readonly address: string | undefined
  readonly route: string | undefined
  readonly traceId: string | undefined
  readonly dataClass: string | undefined
}

/** Reads it while the request is under way. */
export function seeAtOnce(request: AgentRequest, rules: RecordRules): SeenAtOnce {
  return {
    address: request.remoteAddress,
    route: request.route().template,
    traceId: rules.traceIdOf(request),
    dataClass: rules.dataClassOf(request),
  }
}

/** How a decision ended up that could not be recorded in time. */
export interface Withheld {
  readonly decision: 'deny' | 'observe'
  readonly check: string
  readonly code: string
  readonly status: number
  readonly reason: string
}

/**
 * Puts the record of a decision together, its members in the order of canonical JSON. What is `undefined` is left out of the
 * text; one literal with every member costs a tenth of one that is put together from parts.
 */
export function decisionRecord(
  decision: Decision,
  id: string,
  rules: RecordRules,
  withheld: Withheld | undefined,
  seen: SeenAtOnce = seeAtOnce(decision.request, rules),
): UnsealedRecord {
  const { facts, refusal, request } = decision
  const salts = { user: newSalt(), target: newSalt() }
  const { evidence, signed, contentDigest } = evidenceOf(decision, salts.user, rules.secrets.occurIn)
  const { commitments, private: values } = commitTo(erasableValues(decision, signed, rules, seen), salts)
  const record: DecisionRecord = {
    action: auditAction(decision),
    agent: facts.agent === undefined ? undefined : auditAgent(facts.agent, decision, rules),
    argumentHash: argumentHash(request, salts.target, contentDigest),
    at: isoTime(decision.atMs),
    check: withheld?.check ?? decision.check,
    claimedAgent: facts.agent === undefined ? boundedOrNone(refusal?.claimedAgent, MAX_TEXT.id) : undefined,
    code: withheld?.code ?? refusal?.code,
    commitments,
    configuration: decision.configuration,
    decision: withheld?.decision ?? decision.outcome,
    delegation: facts.delegation === undefined ? undefined : auditDelegation(facts.delegation, facts.agent),
    evidence,
    id,
    reason: boundedOrNone(withheld?.reason ?? refusal?.message, MAX_TEXT.reason),
    requestId: decision.requestId,
    resource: auditResource(request, seen),
    status: withheld?.status ?? decision.status,
    traceId: seen.traceId,
    type: 'decision',
    v: AUDIT_SCHEMA_VERSION,
  }
  return { record, private: values }
}

/** Sorted by name. */
function erasableValues(
  { facts, request }: Decision,
  signed: string | undefined,
  { secrets, intentHeader }: RecordRules,
  seen: SeenAtOnce,
): Readonly<Record<string, string | undefined>> {
  const { delegation, proof } = facts
  return {
    actors: delegation === undefined ? undefined : actorsText(delegation),
    address: seen.address,
    intent: boundedOrNone(saidBy(request, proof, intentHeader), MAX_TEXT.intent),
    signed,
    target: bounded(secrets.hideIn(request.target), MAX_TEXT.target),
    user: boundedOrNone(delegation?.subject, MAX_TEXT.id),
  }
}

function auditAction({ facts, request }: Decision): DecisionRecord['action'] {
  const { approval, used } = facts.capability ?? {}
  return {
    approval: approval === undefined ? undefined : bounded(`${approval.issuer} ${approval.ticketId}`, MAX_TEXT.id * 2),
    capabilities: used === undefined ? undefined : boundedList(used),
    method: bounded(request.method, MAX_TEXT.method),
  }
}

function auditAgent(agent: AgentFact, { facts, request }: Decision, { instanceHeader }: RecordRules): AuditAgent {
  const { id, level, record, scheme } = agent
  const { proof } = facts
  return {
    id: bounded(id, MAX_TEXT.id),
    instance: boundedOrNone(saidBy(request, proof, instanceHeader), MAX_TEXT.id),
    keyId: boundedOrNone(proof?.keyId, MAX_TEXT.id),
    level,
    owner: boundedOrNone(record.owner, MAX_TEXT.id),
    scheme,
    thumbprint: proof?.thumbprint,
    type: boundedOrNone(record.type, MAX_TEXT.id),
    version: boundedOrNone(record.version, MAX_TEXT.id),
  }
}

/** What a signer says counts when the signature covers it (RFC 9421 section 7.2.1); without a signature nothing is better. */
function saidBy({ headers }: AgentRequest, proof: ProofFact | undefined, field: string): string | undefined {
  if (!headers.has(field)) return undefined
  return proof === undefined || proof.covers(field) ? headers.lines(field).join(', ') : undefined
}

function auditDelegation(delegation: DelegationFact, agent: AgentFact | undefined): AuditDelegation {
  const { actor, priorActors, issuer } = delegation
  return {
    actor: actor.id === agent?.id ? auditActor(actor) : undefined,
    binding: delegation.binding,
    depth: priorActors.length + 1,
    expiresAt: isoSeconds(delegation.expiresAt),
    issuedAt: isoSeconds(delegation.issuedAt),
    issuer: bounded(issuer, MAX_TEXT.id),
    scopes: boundedList(delegation.scopes),
    tokenId: boundedOrNone(delegation.tokenId, MAX_TEXT.id),
  }
}

function auditActor({ id, issuer }: DelegationFact['actor']): AuditActor {
  return { id: bounded(id, MAX_TEXT.id), issuer: boundedOrNone(issuer, MAX_TEXT.id) }
}

/** The whole chain, who acts now first, as a JSON text: which of them are people, nobody can tell from an id. */
function actorsText({ actor, priorActors }: DelegationFact): string {
  return JSON.stringify([actor, ...priorActors].slice(0, MAX_ACTORS).map(auditActor))
}

const MAX_ACTORS = 32

function auditResource(request: AgentRequest, seen: SeenAtOnce): AuditResource {
  return {
    authority: request.authority,
    dataClass: boundedOrNone(seen.dataClass, MAX_TEXT.id),
    route: boundedOrNone(seen.route, MAX_TEXT.target),
  }
}

function argumentHash({ query }: AgentRequest, salt: string, contentDigest: string | undefined): string | undefined {
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
