import { isThenable } from '@countermark/core/internal'
import { createSignatureInput, type NewSignatureInput } from './new-signature-input.ts'
import { type SigningKey, signBytes } from './sign-bytes.ts'
import type { SignableMessage } from './signable-message.ts'
import { writeSignatureBase } from './signature-base.ts'

/** How to sign a message. */
export interface SignMessageOptions extends NewSignatureInput {
  /** Signs: a private key, or a function that has one elsewhere. */
  readonly key: SigningKey
}

/** A signature and the fields that carry it. */
export interface MessageSignature {
  readonly label: string
  /** A value of `Signature-Input`: send it as a line of its own when the message is signed already. */
  readonly signatureInput: string
  /** A value of `Signature`. */
  readonly signature: string
  /** The text that was signed. */
  readonly base: string
}

/**
 * Signs a message (RFC 9421 section 3.1): at once with a key at hand, later when a function signs later.
 * @example
 * const { signatureInput, signature } = await signMessage(request, {
 *   key, keyid, components: ['@method', '@authority', '@path'], created, expires: created + 60, nonce, tag: 'agent-auth',
 * })
 * @throws Refusal `signature_malformed`, `signature_invalid` when the message lacks a component
 */
export function signMessage(
  message: SignableMessage,
  options: SignMessageOptions,
): MessageSignature | Promise<MessageSignature> {
  const input = createSignatureInput(options)
  const base = writeSignatureBase(message, input)
  const toSignature = (bytes: Uint8Array): MessageSignature => ({
    label: input.label,
    signatureInput: `${input.label}=${input.text}`,
    signature: `${input.label}=:${Buffer.from(bytes).toString('base64')}:`,
    base,
  })
  const bytes = signBytes(options.key, Buffer.from(base, 'latin1'))
  return isThenable(bytes) ? bytes.then(toSignature) : toSignature(bytes)
}
