import { Refusal } from '@countermark/core'
import { writeComponentList } from './component-identifier.ts'
import { compileComponentList } from './component-list.ts'
import type { SignatureInput, SignatureParameters } from './signature-input.ts'

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
export function writeParameters(parameters: SignatureParameters): string {
  const { created, expires, nonce, keyid, alg, tag } = parameters
  return (
    integer('created', created) +
    integer('expires', expires) +
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
function number(name: string, value: number): string {
  if (Number.isInteger(value) && Math.abs(value) <= 999_999_999_999_999) return `;${name}=${value}`
  throw malformed(`${name} must be text, a whole number or true`)
}

function integer(name: string, value: number | undefined): string {
  if (value === undefined) return ''
  if (!(Number.isInteger(value) && value >= 0 && value <= 999_999_999_999_999)) {
    throw malformed(`${name} must be whole seconds`)
  }
  return `;${name}=${value}`
}

function string(name: string, value: string | undefined): string {
  if (value === undefined) return ''
  if (!STRING.test(value)) throw malformed(`${name} must be printable ASCII`)
  return `;${name}="${value.replace(/["\\]/g, '\\$&')}"`
}

function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}
