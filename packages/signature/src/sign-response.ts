import { createHeaderFields, type HeaderField } from '@countermark/core'
import { type HeaderFields, isThenable } from '@countermark/core/internal'
import { createContentDigest } from './content-digest.ts'
import { responseComponents } from './response-coverage.ts'
import type { SigningKey } from './sign-bytes.ts'
import { type MessageSignature, signMessage } from './sign-message.ts'
import type { SignableResponse } from './signable-message.ts'

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
  const toFields = ({ signatureInput, signature }: MessageSignature): readonly HeaderField[] => [
    ...digest,
    ['Signature-Input', signatureInput],
    ['Signature', signature],
  ]
  const signed = signMessage({ ...response, headers }, { ...parameters, components })
  return isThenable(signed) ? signed.then(toFields) : toFields(signed)
}

function withFields(headers: HeaderFields, added: readonly HeaderField[]): HeaderFields {
  if (added.length === 0) return headers
  const lines = [...headers.names()].flatMap((name) => headers.lines(name).flatMap((value) => [name, value]))
  return createHeaderFields([...lines, ...added.flat()])
}
