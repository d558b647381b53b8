import { randomBytes } from 'node:crypto'
import type { HeaderField } from '@countermark/core'
import type { Agent } from '../agent.ts'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { type Challenge, toSigningFailure } from '../forms/signing-form.ts'
import type { AgentToken } from '../tokens/agent-token.ts'
import { type Credentials, createCredentials } from '../tokens/credentials.ts'
import { untilAborted } from './limits.ts'
import { type OutgoingRequest, toSignable } from './outgoing-request.ts'
import type { SentRequest } from './response-verification.ts'

/** What came back, and what it answers. */
export interface Exchange {
  readonly response: Response
  readonly sent: SentRequest
  readonly credentials: Credentials
}

/** How one try is made. */
interface Dress {
  readonly request: OutgoingRequest
  /** What the signature must answer. */
  readonly challenge: Challenge | undefined
  /** Sent instead of what the source of tokens gives. */
  readonly token: AgentToken | undefined
}

/** One try, and what was used up to get there: everything an answer can make us do is counted. */
export interface Attempt extends Dress {
  readonly hasAnswered: boolean
  readonly hasCorrectedClock: boolean
  /** Whether a proof was made again with the nonce that was offered. */
  readonly hasGivenNonce: boolean
  /** Whether another token was asked for, because this one is not taken. */
  readonly hasReplacedToken: boolean
  /** Whether a token that allows more was asked for. */
  readonly hasSteppedUp: boolean
  /** Whether a human was asked. */
  readonly hasAskedHuman: boolean
  readonly redirects: number
  readonly retries: number
  /** Milliseconds to wait first. */
  readonly delayMs: number
}

/** The first try of a request. */
export function firstAttempt(request: OutgoingRequest): Attempt {
  return {
    request,
    challenge: undefined,
    token: undefined,
    hasAnswered: false,
    hasCorrectedClock: false,
    hasGivenNonce: false,
    hasReplacedToken: false,
    hasSteppedUp: false,
    hasAskedHuman: false,
    redirects: 0,
    retries: 0,
    delayMs: 0,
  }
}

const NONCE_BYTES = 18

/**
 * Signs a request for this moment and sends it once.
 * @throws AgentFetchError `signing_failed`, `request_invalid`, `token_refused`, `token_unavailable`, `token_unusable`
 */
export async function send(agent: Agent, { request, challenge, token }: Dress): Promise<Exchange> {
  const { method, url, body, signal, rest } = request
  const credentials = await untilAborted(createCredentials(agent, request, token), signal)
  const dressed = { ...request, headers: [...request.headers, ...credentials.fields, ...encodingFor(agent, request)] }
  const signed = await untilAborted(sign(agent, dressed, challenge), signal)
  const headers = [...dressed.headers, ...signed]
  const response = await agent.fetch.ask(addressOf(agent, request), {
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
  agent.dpop?.nonces.learn(url.origin, response)
  const sent = { request: toSignable(request, headers), binding: agent.form.bindingOf(challenge) }
  return { response, sent, credentials }
}

/**
 * Written from the parts that were signed: without fragment, and without a `?` that nothing follows. A `Request` that may hold
 * what cannot be read from it is handed on itself, where it says the same; everything that was signed is said beside it.
 */
function addressOf({ fetch }: Agent, { url, target, body, signal, carrier }: OutgoingRequest): string | Request {
  const address = url.origin + target
  if (carrier === undefined || !fetch.takes(carrier)) return address
  const isSame = withoutFragment(carrier.url) === address && (body !== undefined || carrier.body === null)
  return isSame && signal !== undefined ? carrier : address
}

function withoutFragment(url: string): string {
  const [address = ''] = url.split('#', 1)
  return address
}

/** Decoding would lose the bytes that a response's digest is over. */
function encodingFor(agent: Agent, { headers }: OutgoingRequest): readonly HeaderField[] {
  const isChosen = headers.some(([name]) => name === 'accept-encoding')
  return agent.verifyResponse === undefined || isChosen ? [] : [['accept-encoding', 'identity']]
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
    throw toSigningFailure('the request', cause)
  }
}
