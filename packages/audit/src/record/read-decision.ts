import { hash } from 'node:crypto'
import type { AgentFact, AgentRequest, Decision, DelegationFact, PolicyFact, ProofFact } from '@countermark/core'
import {
  type Actor,
  CREDENTIAL_SCHEMES,
  canonicalJson,
  type EvidenceGrade,
  type PublicJwk,
} from '@countermark/core/internal'
import { type AuditRisk, recordedRisk } from './audit-risk.ts'
import { publicJwkOf } from './public-jwk.ts'
import type { RecordRules } from './record-rules.ts'

/** What may change after the decision, so it is read at once. */
export interface SeenAtOnce {
  readonly address: string | undefined
  readonly route: string | undefined
  readonly traceId: string | undefined
  readonly dataClass: string | undefined
}

/** How a decision ended up that could not be recorded in time. */
export type Withheld = Pick<RecordedDecision, 'outcome' | 'check' | 'code' | 'status' | 'reason'>

/** What a signature proves, as far as a record tells of it. */
export interface RecordedProof extends Pick<ProofFact, 'algorithm' | 'created' | 'keyId' | 'scheme' | 'thumbprint'> {
  readonly publicKey: PublicJwk | undefined
  /** The signed bytes, one in each character; of `simple-v0` the digest of the content and the ten digits behind it. */
  readonly base: string
  /** Base64url. */
  readonly signature: string
  /** The content's digest as the signature covers it (RFC 9530). */
  readonly contentDigest: string | undefined
}

/** For whom the agent acted, with the digest of the token's claims where nothing else is evidence. */
export interface RecordedDelegation
  extends Pick<
    DelegationFact,
    'actor' | 'binding' | 'expiresAt' | 'issuedAt' | 'issuer' | 'priorActors' | 'scopes' | 'subject' | 'tokenId'
  > {
  readonly claimsDigest: string | undefined
}

/** Everything about a decision that a record needs: plain JSON, so that another thread can make the record of it. */
export interface RecordedDecision extends SeenAtOnce {
  readonly requestId: string
  readonly atMs: number
  readonly outcome: Decision['outcome']
  readonly check: string
  readonly code: string | undefined
  readonly status: number | undefined
  readonly reason: string | undefined
  readonly claimedAgent: string | undefined
  readonly mode: Decision['mode']
  readonly configuration: string
  readonly method: string
  readonly target: string
  readonly query: string | undefined
  readonly authority: string
  /** What the agent says it is about to do, and which of its instances it is. */
  readonly intent: string | undefined
  readonly instance: string | undefined
  readonly agent: RecordedAgent | undefined
  readonly proof: RecordedProof | undefined
  readonly dpop: string | undefined
  /** What the credential proves, where it is of a kind that is not known here. */
  readonly grade: EvidenceGrade | undefined
  readonly delegation: RecordedDelegation | undefined
  readonly used: readonly string[] | undefined
  readonly approval: { readonly issuer: string; readonly ticketId: string } | undefined
  readonly policy: PolicyFact | undefined
  readonly risk: AuditRisk | undefined
}

interface RecordedAgent extends Pick<AgentFact, 'id' | 'level' | 'scheme'> {
  readonly owner: string | undefined
  readonly type: string | undefined
  readonly version: string | undefined
}

/** Reads it while the request is under way. */
export function seeAtOnce(request: AgentRequest, rules: RecordRules): SeenAtOnce {
  return {
    address: called('address', request.remoteAddress, rules),
    route: request.route().template,
    traceId: rules.traceIdOf(request),
    dataClass: rules.dataClassOf(request),
  }
}

function called<Value extends string | undefined>(
  name: 'address' | 'user',
  value: Value,
  { pseudonym }: RecordRules,
): Value | string {
  return value === undefined || pseudonym === undefined ? value : pseudonym(name, value)
}

/** What a credential proves that is not of this repository. */
function foreignGrade({ credential }: Decision): EvidenceGrade | undefined {
  return credential === undefined || CREDENTIAL_SCHEMES.includes(credential) ? undefined : credential.grade
}

/** Reads from a decision what its record needs. One literal with every member: a shape that stays the same costs least. */
export function readDecision(
  decision: Decision,
  rules: RecordRules,
  withheld: Withheld | undefined,
  seen: SeenAtOnce = seeAtOnce(decision.request, rules),
): RecordedDecision {
  const { facts, refusal, request } = decision
  const { agent, capability, delegation, policy, proof } = facts
  const { headers } = request
  return {
    requestId: decision.requestId,
    atMs: decision.atMs,
    outcome: withheld?.outcome ?? decision.outcome,
    check: withheld?.check ?? decision.check,
    code: withheld?.code ?? refusal?.code,
    status: withheld?.status ?? decision.status,
    reason: withheld?.reason ?? refusal?.message,
    claimedAgent: agent === undefined ? refusal?.claimedAgent : undefined,
    mode: decision.mode,
    configuration: decision.configuration,
    method: request.method,
    target: request.target,
    query: request.query,
    authority: request.authority,
    address: seen.address,
    route: seen.route,
    traceId: seen.traceId,
    dataClass: seen.dataClass,
    intent: saidBy(request, proof, rules.intentHeader),
    instance: agent === undefined ? undefined : saidBy(request, proof, rules.instanceHeader),
    agent: agent === undefined ? undefined : recordedAgent(agent),
    proof: proof === undefined ? undefined : recordedProof(proof, headers),
    grade: foreignGrade(decision),
    dpop: proof === undefined && agent?.scheme === 'dpop' ? headers.only('dpop') : undefined,
    delegation: delegation === undefined ? undefined : recordedDelegation(delegation, proof === undefined, rules),
    used: capability?.used,
    approval: capability?.approval,
    policy: policy === undefined ? undefined : recordedPolicy(policy, rules),
    risk: recordedRisk(facts),
  }
}

/** A question names the user as the policy saw it: where users have pseudonyms it is not kept. */
function recordedPolicy(policy: PolicyFact, { pseudonym }: RecordRules): PolicyFact {
  return pseudonym === undefined ? policy : { ...policy, question: undefined }
}

function recordedAgent({ id, level, record: { owner, type, version }, scheme }: AgentFact): RecordedAgent {
  return { id, level, scheme, owner, type, version }
}

/** What a signer says counts when the signature covers it (RFC 9421 section 7.2.1); without a signature nothing is better. */
function saidBy({ headers }: AgentRequest, proof: ProofFact | undefined, field: string): string | undefined {
  if (!headers.has(field)) return undefined
  return proof === undefined || proof.covers(field) ? headers.lines(field).join(', ') : undefined
}

function recordedProof(proof: ProofFact, headers: AgentRequest['headers']): RecordedProof {
  const { algorithm, created, keyId, publicKey, scheme, signed, thumbprint } = proof
  const bytes = toLatin1(signed.base)
  // The bytes that `simple-v0` signs are the content and ten digits: the content is not the trail's to keep.
  const content = scheme === 'simple-v0' ? digestOf(bytes.slice(0, -10)) : undefined
  const base = content === undefined ? bytes : content + bytes.slice(-10)
  return {
    algorithm,
    created,
    keyId,
    scheme,
    thumbprint,
    publicKey: publicKey === undefined ? undefined : publicJwkOf(publicKey),
    base,
    signature: toBuffer(signed.signature).toString('base64url'),
    contentDigest: content ?? contentDigestOf(proof, base, headers),
  }
}

const BODY_LINE = 7

/** The content's digest as the signature vouches for it. */
function contentDigestOf(
  { covers, scheme }: ProofFact,
  base: string,
  headers: AgentRequest['headers'],
): string | undefined {
  if (scheme === 'httpsig') return covers('content-digest') ? headers.lines('content-digest').join(', ') : undefined
  return scheme === 'simple-v1' ? `sha-256=:${base.split('\n')[BODY_LINE] ?? ''}:` : undefined
}

function recordedDelegation(delegation: DelegationFact, isEvidence: boolean, rules: RecordRules): RecordedDelegation {
  const { actor, binding, claims, expiresAt, issuedAt, issuer, priorActors, scopes, tokenId } = delegation
  const subject = called('user', delegation.subject, rules)
  // The user may be one of the chain.
  const named = (one: Actor): Actor => (one.id === delegation.subject ? { ...one, id: subject } : one)
  const isNamed = subject === delegation.subject
  return {
    ...{ binding, expiresAt, issuedAt, issuer, scopes, subject, tokenId },
    actor: isNamed ? actor : named(actor),
    priorActors: isNamed ? priorActors : priorActors.map(named),
    claimsDigest: isEvidence ? claimsDigest(claims) : undefined,
  }
}

const digests = new WeakMap<object, string>()

/** SHA-256, base64url, of the canonical JSON of a token's claims. Remembered: one token comes with many requests. */
function claimsDigest(claims: Readonly<Record<string, unknown>>): string {
  const known = digests.get(claims)
  if (known !== undefined) return known
  const digest = hash('sha256', canonicalOrOwn(claims), 'base64url')
  digests.set(claims, digest)
  return digest
}

/** Claims may be deep or hold lone surrogates: a record must not fail for that. */
function canonicalOrOwn(claims: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalJson(claims)
  } catch {
    return JSON.stringify(claims)
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function toLatin1(bytes: Uint8Array): string {
  return toBuffer(bytes).toString('latin1')
}

/** A value's SHA-256 as a byte sequence (RFC 9530 writes digests so). `value` holds one byte in each character. */
export function digestOf(value: string): string {
  return `sha-256=:${hash('sha256', Buffer.from(value, 'latin1'), 'base64')}:`
}
