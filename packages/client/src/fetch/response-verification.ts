import {
  type AgentKey,
  createHeaderFields,
  type HeaderField,
  importPublicKey,
  isRefusal,
  Misconfigured,
} from '@countermark/core'
import { custom, flag, type KeyMaterial, number, optionTable } from '@countermark/core/internal'
import { type SignableRequest, verifyResponse } from '@countermark/signature'
import { AgentFetchError } from '../agent-fetch-error.ts'
import type { ResponseBinding } from '../forms/signing-form.ts'
import { readAtMost } from './limits.ts'

/** Which signed responses are believed. */
export interface ResponseVerificationOptions {
  /** Public keys of the services, by key id. */
  readonly keys: Readonly<Record<string, KeyMaterial>>
  /** Whether an unsigned response is refused. @default true */
  readonly required?: boolean
  /** Largest response that is held to be checked. Bytes. @default 16_777_216 */
  readonly maxResponseBytes?: number
  /** Oldest acceptable signature. Seconds. @default 300 */
  readonly toleranceSeconds?: number
}

/** A request as it was sent, with what a response must cover to belong to it. */
export interface SentRequest {
  readonly request: SignableRequest
  readonly binding: ResponseBinding
}

interface ResponsePolicy {
  readonly keys: readonly AgentKey[]
  readonly nowMs: number
  readonly toleranceSeconds: number
}

const OPTIONS = optionTable('verifyResponses', {
  keys: custom((_name, keys = {}) => importKeys(keys as ResponseVerificationOptions['keys'])),
  required: flag(true),
  maxResponseBytes: number({ min: 0, default: 16_777_216 }),
  toleranceSeconds: number({ min: 1, max: 3600, default: 300 }),
})

/** Hands a response on when it may be believed. */
export type VerifyResponse = (response: Response, sent: SentRequest, nowMs: number) => Promise<Response>

/**
 * Makes the check of responses: a signature by one of the keys that covers status, type and content and belongs to the
 * request that was sent (RFC 9421 section 2.4). The content is held and hashed before it is handed on.
 * @throws Misconfigured
 */
export function createResponseVerification(options: ResponseVerificationOptions): VerifyResponse {
  const { keys, required, maxResponseBytes, toleranceSeconds } = OPTIONS.read(options, 'verifyResponses.')
  return async (response, sent, nowMs) => {
    if (!response.headers.has('signature-input')) {
      if (!required) return response
      throw new AgentFetchError('response_unsigned', 'the response is not signed', { response })
    }
    const content = await readContent(response, maxResponseBytes)
    verify(response, content, sent, { keys, nowMs, toleranceSeconds })
    return response
  }
}

function verify(response: Response, content: Uint8Array, sent: SentRequest, policy: ResponsePolicy): void {
  const { request, binding } = sent
  const lines: readonly HeaderField[] = [...response.headers]
  try {
    const { list } = verifyResponse(
      { status: response.status, headers: createHeaderFields(lines.flat()), request },
      { ...policy, content, ...('requestLabel' in binding ? binding : {}) },
    )
    if ('requestLabel' in binding || binding.oneOf.some((component) => list.covers(component))) return
  } catch (cause) {
    if (!isRefusal(cause)) throw cause
    const message = `the response is not to be believed: ${cause.message}`
    throw new AgentFetchError('response_invalid', message, { cause, response })
  }
  throw new AgentFetchError('response_invalid', 'the response does not say which request it answers', { response })
}

/** Empty for responses that have no content. The response itself stays unread. */
async function readContent(response: Response, maxBytes: number): Promise<Uint8Array> {
  if (response.headers.has('content-encoding')) {
    // `fetch` decodes on its own: the bytes that were signed are gone.
    throw new AgentFetchError('response_invalid', 'the response is encoded, although identity was asked for', {
      response,
    })
  }
  const content = await readAtMost(response, maxBytes)
  if (content !== undefined) return content
  response.body?.cancel().catch(() => undefined)
  throw new AgentFetchError('response_too_large', `at most ${maxBytes} bytes are held to be checked`, { response })
}

function importKeys(materials: ResponseVerificationOptions['keys']): readonly AgentKey[] {
  const keys = Object.entries(materials).map(([keyId, material]) => importKey(keyId, material))
  if (keys.length > 0) return keys
  throw new Misconfigured('ERR_OPTION_MISSING', 'verifyResponses.keys must name a key')
}

function importKey(keyId: string, material: KeyMaterial): AgentKey {
  try {
    return {
      ...importPublicKey(material),
      agent: { id: keyId, state: 'active' },
      keyId,
      state: 'active',
      notBefore: undefined,
      notAfter: undefined,
      schemes: undefined,
    }
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new Misconfigured('ERR_KEY_MATERIAL', `verifyResponses.keys.${keyId}: ${error.message}`)
  }
}
