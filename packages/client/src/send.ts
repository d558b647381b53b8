import { randomBytes } from 'node:crypto'
import { type HeaderField, isMisconfigured, isRefusal } from '@countermark/core'
import type { Agent } from './agent.ts'
import { AgentFetchError, isAgentFetchError } from './agent-fetch-error.ts'
import { type OutgoingRequest, toSignable } from './outgoing-request.ts'
import type { SentRequest } from './response-verification.ts'
import { isSignableValue } from './signable-value.ts'
import type { Challenge } from './signing-form.ts'
import { untilAborted } from './until-aborted.ts'

/** What came back, and what it answers. */
export interface Exchange {
  readonly response: Response
  readonly sent: SentRequest
}

const NONCE_BYTES = 18

/**
 * Signs a request for this moment and sends it once.
 * @throws AgentFetchError `signing_failed`, `request_invalid`
 */
export async function send(
  agent: Agent,
  request: OutgoingRequest,
  challenge: Challenge | undefined,
): Promise<Exchange> {
  const { method, url, target, body, signal, rest } = request
  const added = await untilAborted(addedFields(agent, request), signal)
  const dressed = { ...request, headers: [...request.headers, ...added] }
  const signed = await untilAborted(sign(agent, dressed, challenge), signal)
  const headers = [...dressed.headers, ...signed]
  // Written from the parts that were signed: without fragment, and without a `?` that nothing follows.
  const response = await agent.fetch(url.origin + target, {
    ...rest,
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    redirect: 'manual',
    ...(body === undefined ? {} : { body: body.content }),
    ...(signal === undefined ? {} : { signal }),
  })
  if (response.redirected) {
    throw new AgentFetchError('redirect_refused', 'the fetch underneath followed a redirect by itself', { response })
  }
  return { response, sent: { request: toSignable(request, headers), binding: agent.form.bindingOf(challenge) } }
}

async function addedFields(agent: Agent, request: OutgoingRequest): Promise<readonly HeaderField[]> {
  const has = (field: string): boolean => request.headers.some(([name]) => name === field)
  const added: HeaderField[] = []
  if (!has('authorization')) {
    const value = await authorizationFor(agent, request)
    if (value !== undefined) added.push(['authorization', value])
  }
  // Decoding would lose the bytes that a response's digest is over.
  if (agent.verifyResponse !== undefined && !has('accept-encoding')) added.push(['accept-encoding', 'identity'])
  return added
}

async function authorizationFor(agent: Agent, { method, url }: OutgoingRequest): Promise<string | undefined> {
  const { authorization } = agent
  const value = typeof authorization === 'function' ? await authorization({ method, url: url.href }) : authorization
  if (value === undefined || isSignableValue(value)) return value
  throw new AgentFetchError('request_invalid', 'authorization must be printable ASCII')
}

async function sign(
  agent: Agent,
  request: OutgoingRequest,
  challenge: Challenge | undefined,
): Promise<readonly HeaderField[]> {
  const nowMs = agent.clock.wallMs() + agent.offsets.offsetMs(request.url.origin)
  const nonce = challenge?.nonce ?? randomBytes(NONCE_BYTES).toString('base64url')
  try {
    return await agent.form.sign(request, { nowMs, nonce, challenge })
  } catch (cause) {
    if (isAgentFetchError(cause)) throw cause
    const reason = isRefusal(cause) || isMisconfigured(cause) ? cause.message : 'the signer failed'
    throw new AgentFetchError('signing_failed', `the request could not be signed: ${reason}`, { cause })
  }
}
