import { type Clock, Misconfigured } from '@countermark/core'
import { callback, custom, isAgentId, isKeyId, number, optionTable } from '@countermark/core/internal'
import type { Authorize, SignedFetchOptions } from './agent-fetch-options.ts'
import type { ApprovalSource } from './challenges/approval-source.ts'
import { createStepUps, type MayAskFor, type StepUps } from './challenges/token-challenge.ts'
import { compileOrigins, type IsAllowedOrigin } from './fetch/outgoing-request.ts'
import { type ClockOffsets, createClockOffsets } from './fetch/repetition.ts'
import {
  createResponseVerification,
  type ResponseVerificationOptions,
  type VerifyResponse,
} from './fetch/response-verification.ts'
import type { CheckedFetch } from './fetch/underlying-fetch.ts'
import { createForm } from './forms/create-form.ts'
import { createDpopProver, type DpopProver } from './forms/dpop.ts'
import { isSignableValue, type SigningForm } from './forms/signing-form.ts'
import { CLOCK, DELAY, type Delay, FETCH, given } from './option-readers.ts'
import { createSigningIdentity } from './signing-key.ts'
import type { TokenSource } from './tokens/agent-token.ts'

/** Options after validation, and what is remembered between requests. */
export interface Agent {
  readonly form: SigningForm
  readonly isAllowedOrigin: IsAllowedOrigin
  readonly authorization: string | Authorize | undefined
  readonly token: TokenSource | undefined
  readonly approve: ApprovalSource | undefined
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
  readonly delay: Delay
}

const OPTIONS = optionTable('createAgentFetch', {
  // What `createSigningIdentity` reads, and below what `createForm` does.
  ...{ key: given(), sign: given(), algorithm: given(), publicKey: given(), keyId: custom(requireKeyId) },
  ...{ form: given(), cover: given(), signatureAgent: given(), headerNames: given(), expiresSeconds: given() },
  agentId: custom(requireAgentId),
  authority: given(),
  origins: custom((_name, origins) => compileOrigins(origins)),
  authorization: custom(requireAuthorization),
  token: custom(requireSource),
  mayAskFor: custom((_name, scopes = []) => createStepUps(scopes as MayAskFor)),
  approve: callback<ApprovalSource>(),
  dpop: given(),
  maxBodyBytes: number({ min: 0, default: 16_777_216 }),
  maxRedirects: number({ min: 0, max: 20, default: 5 }),
  maxRetries: number({ min: 0, max: 10, default: 2 }),
  maxRetryDelaySeconds: number({ min: 0, default: 30 }),
  maxClockSkewSeconds: number({ min: 0, max: 86_400, default: 3600 }),
  verifyResponses: custom((_name, options) =>
    options === undefined ? undefined : createResponseVerification(options as ResponseVerificationOptions),
  ),
  fetch: FETCH,
  clock: CLOCK,
  delay: DELAY,
})

/**
 * Validates the options of an agent fetch.
 * @throws Misconfigured
 */
export function createAgent(options: SignedFetchOptions): Agent {
  const settings = OPTIONS.read(options)
  if (settings.authorization !== undefined && settings.token !== undefined) {
    throw invalid('give either authorization or token: both say what is sent')
  }
  const identity = createSigningIdentity(options)
  const dpop = options.form === 'dpop' ? (options.dpop ?? true) : options.dpop
  return {
    ...settings,
    form: createForm(options, identity),
    isAllowedOrigin: settings.origins,
    stepUps: settings.mayAskFor,
    dpop: dpop === undefined ? undefined : createDpopProver(dpop, identity),
    offsets: createClockOffsets(settings.maxClockSkewSeconds),
    verifyResponse: settings.verifyResponses,
  }
}

function requireAgentId(_name: string, given: unknown): string {
  if (typeof given === 'string' && isAgentId(given)) return given
  throw invalid('agentId must be 1 to 128 letters, digits or . _ : @ / -')
}

function requireKeyId(_name: string, given: unknown): string | undefined {
  if (given === undefined || (typeof given === 'string' && isKeyId(given))) return given
  throw invalid('keyId must be 1 to 256 printable characters')
}

function requireAuthorization(_name: string, given: unknown): string | Authorize | undefined {
  if (given === undefined || isSignableValue(given)) return given
  if (typeof given === 'function') return given as Authorize
  throw invalid('authorization must be printable ASCII or a function that gives it')
}

function requireSource(_name: string, given: unknown): TokenSource | undefined {
  if (given === undefined || typeof given === 'function') return given as TokenSource | undefined
  throw invalid('token must be a source of tokens, such as clientCredentials(…)')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
