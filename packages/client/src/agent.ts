import { setTimeout } from 'node:timers/promises'
import { type Clock, Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import { isAgentId, isKeyId, systemClock } from '@countermark/core/internal'
import type { AgentFetchOptions, Authorize } from './agent-fetch-options.ts'
import { createStepUps, type StepUps } from './challenges/token-challenge.ts'
import { compileOrigins, type IsAllowedOrigin } from './fetch/outgoing-request.ts'
import { type ClockOffsets, createClockOffsets } from './fetch/repetition.ts'
import { createResponseVerification, type VerifyResponse } from './fetch/response-verification.ts'
import { type CheckedFetch, checkFetch } from './fetch/underlying-fetch.ts'
import { createForm } from './forms/create-form.ts'
import { createDpopProver, type DpopProver } from './forms/dpop.ts'
import { isSignableValue, type SigningForm } from './forms/signing-form.ts'
import { createSigningIdentity } from './signing-key.ts'
import type { TokenSource } from './tokens/agent-token.ts'

/** Options after validation, and what is remembered between requests. */
export interface Agent {
  readonly form: SigningForm
  readonly isAllowedOrigin: IsAllowedOrigin
  readonly authorization: string | Authorize | undefined
  readonly token: TokenSource | undefined
  readonly stepUps: StepUps
  readonly dpop: DpopProver | undefined
  readonly maxBodyBytes: number
  readonly maxRedirects: number
  readonly maxRetries: number
  readonly maxRetryDelaySeconds: number
  readonly offsets: ClockOffsets
  readonly verifyResponse: VerifyResponse | undefined
  readonly fetch: CheckedFetch
  readonly clock: Clock
  readonly delay: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

const KNOWN: readonly (keyof AgentFetchOptions)[] = [
  'agentId',
  'origins',
  'key',
  'keyId',
  'sign',
  'algorithm',
  'publicKey',
  'form',
  'authorization',
  'token',
  'mayAskFor',
  'dpop',
  'cover',
  'signatureAgent',
  'headerNames',
  'expiresSeconds',
  'maxBodyBytes',
  'maxRedirects',
  'maxRetries',
  'maxRetryDelaySeconds',
  'maxClockSkewSeconds',
  'verifyResponses',
  'fetch',
  'clock',
  'delay',
]

/**
 * Validates the options of an agent fetch.
 * @throws Misconfigured
 */
export function createAgent(options: AgentFetchOptions): Agent {
  requireKnownOptions('createAgentFetch', options, KNOWN)
  requireValidWords(options)
  const { authorization, token, mayAskFor = [], verifyResponses } = options
  const identity = createSigningIdentity(options)
  const dpop = options.form === 'dpop' ? (options.dpop ?? true) : options.dpop
  return {
    form: createForm(options, identity),
    isAllowedOrigin: compileOrigins(options.origins),
    authorization,
    token,
    stepUps: createStepUps(mayAskFor),
    dpop: dpop === undefined ? undefined : createDpopProver(dpop, identity),
    maxBodyBytes: requireNumber('maxBodyBytes', options.maxBodyBytes ?? 16_777_216, { min: 0 }),
    maxRedirects: requireNumber('maxRedirects', options.maxRedirects ?? 5, { min: 0, max: 20 }),
    maxRetries: requireNumber('maxRetries', options.maxRetries ?? 2, { min: 0, max: 10 }),
    maxRetryDelaySeconds: requireNumber('maxRetryDelaySeconds', options.maxRetryDelaySeconds ?? 30, { min: 0 }),
    offsets: createClockOffsets(
      requireNumber('maxClockSkewSeconds', options.maxClockSkewSeconds ?? 3600, { min: 0, max: 86_400 }),
    ),
    verifyResponse: verifyResponses === undefined ? undefined : createResponseVerification(verifyResponses),
    fetch: checkFetch(options.fetch),
    clock: options.clock ?? systemClock,
    delay: options.delay ?? wait,
  }
}

function requireValidWords({ agentId, keyId, authorization, token }: AgentFetchOptions): void {
  if (typeof agentId !== 'string' || !isAgentId(agentId)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'agentId must be 1 to 128 letters, digits or . _ : @ / -')
  }
  if (keyId !== undefined && !isKeyId(keyId)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'keyId must be 1 to 256 printable characters')
  }
  if (authorization !== undefined && typeof authorization !== 'function' && !isSignableValue(authorization)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'authorization must be printable ASCII or a function that gives it')
  }
  if (token === undefined) return
  if (typeof token !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'token must be a source of tokens, such as clientCredentials(…)')
  }
  if (authorization !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'give either authorization or token: both say what is sent')
  }
}

async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    // `fetch` rejects with the reason that the caller gave, not with the timer's.
    signal?.throwIfAborted()
    throw error
  }
}
