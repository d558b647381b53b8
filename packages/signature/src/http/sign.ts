import { then } from '@countermark/core/internal'
import { type SigningKey, signBytes } from '../signing-key.ts'
import { compileComponentList, writeComponentList } from './components.ts'
import type { SignatureInput, SignatureParameters } from './fields.ts'
import type { SignableMessage } from './message.ts'
import { malformed } from './parse.ts'

/** What to cover, and what to say about the signature. */
export interface NewSignatureInput {
  /** @default 'sig1' */
  readonly label?: string
  /** Names such as `@method`, `content-type`, `content-digest;req` or `@query-param;name="page"`, in this order. */
  readonly components: readonly string[]
  /** Unix seconds. */
  readonly created?: number
  /** Unix seconds. */
  readonly expires?: number
  readonly nonce?: string
  readonly keyid?: string
  /** Name of the algorithm; leave it out unless the verifier asks for it: the key says it already. */
  readonly alg?: string
  readonly tag?: string
  /** Parameters of other specifications, such as `wimse-aud`, behind those above: texts, whole numbers, and `true` for a flag. */
  readonly parameters?: Readonly<Record<string, string | number | true>>
}

const LABEL = /^[a-z*][a-z0-9_.*-]*$/
const STRING = /^[\x20-\x7e]*$/

/**
 * Writes the `Signature-Input` member of a signature that is about to be made (RFC 9421 section 2.3).
 * @throws Refusal `signature_malformed`
 */
export function createSignatureInput(options: NewSignatureInput): SignatureInput {
  const { label = 'sig1', components, created, expires, nonce, keyid, alg, tag, parameters: others = {} } = options
  if (!LABEL.test(label)) throw malformed('a label is lower-case letters, digits and _-.*')
  const list = compileComponentList(writeComponentList(components))
  const parameters: SignatureParameters = { created, expires, nonce, keyid, alg, tag }
  return { label, list, parameters, text: list.text + writeParameters(parameters) + writeOthers(others) }
}

/** Parameters in the order in which the profile shows them. */
export function writeParameters(parameters: Partial<SignatureParameters>): string {
  const { created, expires, nonce, keyid, alg, tag } = parameters
  return (
    seconds('created', created) +
    seconds('expires', expires) +
    string('nonce', nonce) +
    string('keyid', keyid) +
    string('alg', alg) +
    string('tag', tag)
  )
}

const KNOWN: ReadonlySet<string> = new Set(['created', 'expires', 'nonce', 'keyid', 'alg', 'tag'])

function writeOthers(parameters: NonNullable<NewSignatureInput['parameters']>): string {
  const written = Object.entries(parameters).map(([name, value]) => {
    if (!LABEL.test(name) || KNOWN.has(name))
      throw malformed('a parameter of its own has a name of its own in lower case')
    if (value === true) return `;${name}`
    return typeof value === 'string' ? string(name, value) : number(name, value)
  })
  return written.join('')
}

/** RFC 9651 section 3.3.1. */
const MAX_INTEGER = 999_999_999_999_999

function number(name: string, value: number): string {
  if (Number.isInteger(value) && Math.abs(value) <= MAX_INTEGER) return `;${name}=${value}`
  throw malformed(`${name} must be text, a whole number or true`)
}

function seconds(name: string, value: number | undefined): string {
  if (value === undefined || value >= 0) return value === undefined ? '' : number(name, value)
  throw malformed(`${name} must be whole seconds`)
}

function string(name: string, value: string | undefined): string {
  if (value === undefined) return ''
  if (!STRING.test(value)) throw malformed(`${name} must be printable ASCII`)
  return `;${name}="${value.replace(/["\\]/g, '\\$&')}"`
}

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
  const base = input.list.writeBase(message, input.text)
  return then(signBytes(options.key, Buffer.from(base, 'latin1')), (bytes) => ({
    label: input.label,
    signatureInput: `${input.label}=${input.text}`,
    signature: `${input.label}=:${Buffer.from(bytes).toString('base64')}:`,
    base,
  }))
}
