import { createHeaderFields, type HeaderField } from '@countermark/core'
import { type HeaderFields, then } from '@countermark/core/internal'
import type { SigningKey } from '../signing-key.ts'
import { createContentDigest } from './fields.ts'
import type { SignableResponse } from './message.ts'
import { malformed } from './parse.ts'
import { signMessage } from './sign.ts'
import { type VerifiedMessage, type VerifyMessageOptions, verifyMessage } from './verify.ts'

/** How a server signs what it answers. */
export interface SignResponseOptions {
  /** Signs: a private key, or a function that has one elsewhere. */
  readonly key: SigningKey
  /** The name under which agents know the public half. */
  readonly keyid: string
  /** Unix seconds. */
  readonly created: number
  /** Unix seconds. @default no end of its own: the verifier's tolerance decides */
  readonly expires?: number
  /** What the signature is for. @default none */
  readonly tag?: string
  /** @default 'sig1' */
  readonly label?: string
  /** The label of the request's signature, which this answer is bound to. @default the request without its signature */
  readonly requestLabel?: string
  /** The content as it will be transferred; leave it out for answers without any, such as to HEAD. @default none */
  readonly content?: Uint8Array
  /** Components besides the minimum. @default [] */
  readonly also?: readonly string[]
}

/**
 * Signs a response and the request it answers (RFC 9421 section 2.4). Returns the fields to add to it; an answer that
 * depends on `Accept-Signature` also needs `Vary: Accept-Signature`.
 * @throws Refusal `signature_malformed`, `signature_invalid` when the message lacks a component
 */
export function signResponse(
  response: SignableResponse,
  options: SignResponseOptions,
): readonly HeaderField[] | Promise<readonly HeaderField[]> {
  const { content, requestLabel, also = [], ...parameters } = options
  const digest: readonly HeaderField[] =
    content === undefined || response.headers.has('content-digest')
      ? []
      : [['Content-Digest', createContentDigest(content)]]
  const headers = withFields(response.headers, digest)
  const components = [
    ...responseComponents({ ...response, headers }, requestLabel, headers.has('content-digest')),
    ...also,
  ]
  return then(signMessage({ ...response, headers }, { ...parameters, components }), ({ signatureInput, signature }) => [
    ...digest,
    ['Signature-Input', signatureInput],
    ['Signature', signature],
  ])
}

function withFields(headers: HeaderFields, added: readonly HeaderField[]): HeaderFields {
  if (added.length === 0) return headers
  const lines = [...headers.names()].flatMap((name) => headers.lines(name).flatMap((value) => [name, value]))
  return createHeaderFields([...lines, ...added.flat()])
}

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
  const { requestLabel, toleranceSeconds = 300, futureSkewSeconds = 30, content, ...others } = options
  if (response.request === undefined) throw malformed('the request is needed to verify its answer')
  const components = responseComponents(response, requestLabel, content.length > 0)
  return verifyMessage(response, { ...others, content, policy: { components, toleranceSeconds, futureSkewSeconds } })
}

/**
 * What a signature over a response covers at least (profile section 3): the answer, where it sends the caller, and which
 * request it answers. Without the request's own parameters an answer to one request would pass for the answer to another.
 */
function responseComponents(
  response: SignableResponse,
  requestLabel: string | undefined,
  hasContent: boolean,
): readonly string[] {
  const { headers, request, status } = response
  const isRedirect = status >= 300 && status <= 399
  const content = [
    ...(hasContent ? ['content-digest'] : []),
    ...(headers.has('content-type') ? ['content-type'] : []),
    ...(isRedirect && headers.has('location') ? ['location'] : []),
  ]
  if (request === undefined) return ['@status', ...content]
  const query = request.target.includes('?') ? ['@query;req'] : []
  const signed = requestLabel === undefined ? [] : [`signature-input;req;key="${requestLabel}"`]
  return ['@status', ...content, '@method;req', '@authority;req', '@path;req', ...query, ...signed]
}
