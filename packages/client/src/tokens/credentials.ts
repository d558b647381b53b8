import type { HeaderField } from '@countermark/core'
import type { Agent } from '../agent.ts'
import { AgentFetchError, isAgentFetchError } from '../agent-fetch-error.ts'
import type { OutgoingRequest } from '../fetch/outgoing-request.ts'
import type { DpopProof, DpopProver } from '../forms/dpop.ts'
import { isSignableValue, toSigningFailure } from '../forms/signing-form.ts'
import { type AgentToken, requireAgentToken, type TokenRequest } from './agent-token.ts'

/** Fields that say for whom a request is made, and what they were made of. */
export interface Credentials {
  readonly fields: readonly HeaderField[]
  /** `undefined` when the value was the caller's. */
  readonly token: AgentToken | undefined
  /** The nonce in the DPoP proof. */
  readonly dpopNonce: string | undefined
}

/**
 * The credentials of a request: the caller's own, those that `authorization` gives, or a token; with a proof of possession
 * where the scheme is DPoP.
 * @throws AgentFetchError `request_invalid`, `signing_failed`, `token_refused`, `token_unavailable`, `token_unusable`
 */
export async function createCredentials(
  agent: Agent,
  request: OutgoingRequest,
  given: AgentToken | undefined,
): Promise<Credentials> {
  const own = request.headers.find(([name]) => name === 'authorization')?.[1]
  const token = own === undefined ? (given ?? (await tokenFor(agent, request.url.origin))) : undefined
  const value = own ?? (token === undefined ? await authorizationFor(agent, request) : `${token.scheme} ${token.value}`)
  const fields: readonly HeaderField[] = own !== undefined || value === undefined ? [] : [['authorization', value]]
  const bound = BOUND.exec(value ?? '')?.[1]
  if (agent.dpop === undefined || bound === undefined) return { fields, token, dpopNonce: undefined }
  const proof = await prove(agent, agent.dpop, request, bound)
  return { fields: [...fields, ['dpop', proof.text]], token, dpopNonce: proof.nonce }
}

const BOUND = /^DPoP ([A-Za-z0-9._~+/=-]+)$/i

async function tokenFor(agent: Agent, origin: string): Promise<AgentToken | undefined> {
  const scopes = agent.stepUps.of(origin)
  if (scopes.length === 0) return obtainToken(agent, { origin })
  try {
    return await obtainToken(agent, { origin, scopes })
  } catch (error) {
    if (!isAgentFetchError(error) || error.code !== 'token_refused') throw error
    // What was granted once is not granted any more: back to what is asked for by default.
    agent.stepUps.remember(origin, [])
    return obtainToken(agent, { origin })
  }
}

/**
 * Asks the agent's source of tokens; `undefined` when it has none.
 * @throws AgentFetchError `token_unusable`, `token_unavailable`, and what the source throws of these
 */
export async function obtainToken(agent: Agent, request: TokenRequest): Promise<AgentToken | undefined> {
  if (agent.token === undefined) return undefined
  const token = requireAgentToken(await ask(agent.token, request))
  // A service that asks for proof of possession must not get a token that works without one.
  if ((token.scheme === 'DPoP') === (agent.dpop !== undefined)) return token
  const message =
    agent.dpop === undefined ? 'the token needs proofs, and dpop is off' : 'with dpop, a token must be bound'
  throw new AgentFetchError('token_unusable', message)
}

async function ask(source: NonNullable<Agent['token']>, request: TokenRequest): Promise<unknown> {
  try {
    return await source(request)
  } catch (cause) {
    if (isAgentFetchError(cause)) throw cause
    throw new AgentFetchError('token_unavailable', 'the source of tokens failed', { cause })
  }
}

async function authorizationFor(agent: Agent, { method, url }: OutgoingRequest): Promise<string | undefined> {
  const { authorization } = agent
  const value = typeof authorization === 'function' ? await authorization({ method, url: url.href }) : authorization
  if (value === undefined || isSignableValue(value)) return value
  throw new AgentFetchError('request_invalid', 'authorization must be printable ASCII')
}

async function prove(agent: Agent, dpop: DpopProver, request: OutgoingRequest, token: string): Promise<DpopProof> {
  const { method, url } = request
  const nowMs = agent.clock.wallMs() + agent.offsets.offsetMs(url.origin)
  try {
    return await dpop.prove({ method, url, token, nowMs })
  } catch (cause) {
    throw toSigningFailure('the proof of possession', cause)
  }
}
