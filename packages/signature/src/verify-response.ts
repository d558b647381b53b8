import { Refusal } from '@countermark/core'
import { responseComponents } from './response-coverage.ts'
import type { SignableResponse } from './signable-message.ts'
import { type VerifiedMessage, type VerifyMessageOptions, verifyMessage } from './verify-message.ts'

/** How a client verifies an answer. */
export interface VerifyResponseOptions
  extends Pick<VerifyMessageOptions, 'keys' | 'nowMs' | 'label' | 'tag' | 'algorithms' | 'verifier' | 'revocations'> {
  /** The label of the request's own signature: the answer must be bound to it. */
  readonly requestLabel?: string
  /** The content as transferred, before any decoding. Empty when there is none. */
  readonly content: Uint8Array
  /** Oldest acceptable signature. Seconds. @default 300 */
  readonly toleranceSeconds?: number
  /** How far ahead of our clock a signature may be dated. Seconds. @default 30 */
  readonly futureSkewSeconds?: number
}

/**
 * Verifies a response, its content, and that it answers this very request.
 * @throws Refusal
 */
export function verifyResponse(response: SignableResponse, options: VerifyResponseOptions): VerifiedMessage {
  const { requestLabel, toleranceSeconds, futureSkewSeconds, content, ...others } = options
  if (response.request === undefined)
    throw new Refusal('signature_malformed', 'the request is needed to verify its answer')
  const components = responseComponents(response, requestLabel, content.length > 0)
  return verifyMessage(response, {
    ...others,
    content,
    policy: {
      components,
      ...(toleranceSeconds === undefined ? {} : { toleranceSeconds }),
      ...(futureSkewSeconds === undefined ? {} : { futureSkewSeconds }),
    },
  })
}
