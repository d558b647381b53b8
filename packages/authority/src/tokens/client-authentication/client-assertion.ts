import { hash } from 'node:crypto'
import { type AgentKey, type AgentRequest, isRefusal, Refusal } from '@countermark/core'
import {
  claimOnce,
  isAgentId,
  type JsonObject,
  ownMember,
  refusalOf,
  requireUsableKey,
} from '@countermark/core/internal'
import { createJwsKey, fitsKey, isTime, parseCompactJws, toJoseAlgorithm } from '@countermark/delegation/internal'
import type { Form } from '../http/form.ts'
import { OAuthError, toOAuthError } from '../oauth-error.ts'
import { type AgentClient, requireActive } from './client.ts'
import type { ClientRules } from './client-rules.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const RULES = { maxLength: 8192, code: 'token_malformed', noun: 'client assertion' } as const
/** RFC 7523bis names the last one; the others are what libraries send. */
const TYPES = [undefined, 'jwt', 'client-authentication+jwt']
const MAX_LIFETIME_SECONDS = 300
const SKEW_SECONDS = 30
const MAX_KEYS = 4

type Assertion = ReturnType<typeof parseCompactJws>

/**
 * Authenticates an agent by an assertion signed with one of its keys (`private_key_jwt`, RFC 7523 sections 2.2 and 3). Each
 * counts once.
 * @throws OAuthError `invalid_client`, `invalid_request`, `temporarily_unavailable`
 */
export async function verifyClientAssertion(
  { path }: Pick<AgentRequest, 'path'>,
  form: Form,
  rules: ClientRules,
): Promise<AgentClient> {
  if (form.require('client_assertion_type') !== ASSERTION_TYPE) {
    throw new OAuthError('invalid_request', `client_assertion_type must be ${ASSERTION_TYPE}`)
  }
  try {
    const asked = { clientId: form.find('client_id'), audiences: audiencesAt(path, rules) }
    return await verify(form.require('client_assertion'), asked, rules)
  } catch (error) {
    throw toOAuthError(error, 'invalid_client')
  }
}

interface Asked {
  readonly clientId: string | undefined
  readonly audiences: readonly string[]
}

/** One that was made for another endpoint, and came to be known there, counts nowhere else (RFC 7523 section 3). */
function audiencesAt(path: string, { issuer }: ClientRules): readonly string[] {
  return [issuer, `${new URL(issuer).origin}${path}`]
}

async function verify(text: string, { clientId, audiences }: Asked, rules: ClientRules): Promise<AgentClient> {
  const jws = parseCompactJws(text, RULES)
  const nowSeconds = rules.environment.clock.wallMs() / 1000
  const { id, jti, issuedAt, expiresAt } = readClaims(jws, audiences, nowSeconds)
  if (clientId !== undefined && clientId !== id) throw invalid('must be made by the client that client_id names')
  const key = await findSigner(id, jws, rules)
  requireActive(key.agent)
  await claim({ id, jti, issuedAt, expiresAt }, key, rules)
  return { kind: 'agent', id, record: key.agent, key, method: 'private_key_jwt' }
}

interface AssertionClaims {
  readonly id: string
  readonly jti: string
  readonly issuedAt: number
  readonly expiresAt: number
}

function readClaims({ type, claims }: Assertion, audiences: readonly string[], now: number): AssertionClaims {
  if (!TYPES.includes(type)) throw invalid('must be of type JWT or client-authentication+jwt')
  const [issuer, subject, jti] = ['iss', 'sub', 'jti'].map((name) => ownMember(claims, name))
  if (typeof issuer !== 'string' || issuer !== subject || !isAgentId(issuer))
    throw invalid('must name its agent as iss and sub')
  if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw invalid('must have a jti')
  if (!namesUs(claims, audiences)) throw invalid('must be addressed to this authority as aud')
  const [expiresAt, issuedAt = now, notBefore = now] = ['exp', 'iat', 'nbf'].map((name) => ownMember(claims, name))
  if (!isTime(expiresAt) || !isTime(issuedAt) || !isTime(notBefore)) throw invalid('must say when it ends as exp')
  const isNow = now < expiresAt && issuedAt <= now + SKEW_SECONDS && notBefore <= now + SKEW_SECONDS
  if (!isNow || !(expiresAt - now <= MAX_LIFETIME_SECONDS)) {
    throw invalid(`must have been made now, and end within ${MAX_LIFETIME_SECONDS} s`)
  }
  return { id: issuer, jti, issuedAt, expiresAt }
}

/** One that names several servers could be used at each of them (RFC 7523bis section 3). */
function namesUs(claims: JsonObject, audiences: readonly string[]): boolean {
  const [audience, ...more] = [ownMember(claims, 'aud')].flat()
  return more.length === 0 && typeof audience === 'string' && audiences.includes(audience)
}

async function findSigner(agentId: string, jws: Assertion, { agents, environment }: ClientRules): Promise<AgentKey> {
  const algorithm = toJoseAlgorithm(jws.algorithm)
  if (algorithm === undefined) throw invalid('must be signed with an algorithm that is known here')
  const query = { agentId, isAgentCovered: true, ...(jws.keyId === undefined ? {} : { keyId: jws.keyId }) }
  const keys = await agents.findKeys(query, environment)
  let unusable: unknown
  for (const key of keys.slice(0, MAX_KEYS)) {
    if (!fitsKey(algorithm, key.publicKey) || !createJwsKey(algorithm, key).verifies(jws, environment)) continue
    try {
      requireUsableKey(key, { scheme: undefined, nowMs: environment.clock.wallMs() })
      return key
    } catch (error) {
      if (!isRefusal(error)) throw error
      unusable = error
    }
  }
  throw unusable ?? invalid("must be signed with one of the agent's keys")
}

async function claim(
  { id, jti, issuedAt, expiresAt }: AssertionClaims,
  key: AgentKey,
  rules: ClientRules,
): Promise<void> {
  const proof = {
    id: hash('sha256', `client assertion ${JSON.stringify([id, jti])}`, 'buffer'),
    thumbprint: key.thumbprint,
    created: Math.floor(issuedAt),
    acceptUntil: Math.ceil(expiresAt),
    nonce: undefined,
  }
  const answer = await claimOnce(rules.replay, proof, rules.environment)
  const refusal = refusalOf(answer, { replayed: usedBefore, unproven: usedBefore })
  if (refusal !== undefined) throw refusal
}

function usedBefore(): Refusal {
  return new Refusal('replay_detected', 'the client assertion was used before; make a new one')
}

function invalid(why: string): OAuthError {
  return new OAuthError('invalid_client', `the client assertion ${why}`)
}
