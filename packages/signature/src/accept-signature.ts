import { Refusal } from '@countermark/core'
import { parseComponentList, writeComponentList } from './component-identifier.ts'
import { type ParameterValue, scanSignatureInput } from './scan-signature-input.ts'
import { scanInputs } from './signature-input.ts'

/** One signature that is asked for (RFC 9421 section 5.1). */
export interface RequestedSignature {
  readonly label: string
  /** Exactly these, in this order. */
  readonly components: readonly string[]
  /** Whether the signer is to state when it signed. */
  readonly created: boolean
  /** Whether the signer is to state when the signature ends. */
  readonly expires: boolean
  /** Values to repeat in the signature. */
  readonly nonce?: string
  readonly keyid?: string
  readonly alg?: string
  readonly tag?: string
}

/** Writes `Accept-Signature`. @throws Refusal `signature_malformed` */
export function createAcceptSignature(requested: RequestedSignature): string {
  const { label, components, created, expires, nonce, keyid, alg, tag } = requested
  const flags = `${created ? ';created' : ''}${expires ? ';expires' : ''}`
  const values = { nonce, keyid, alg, tag }
  const strings = Object.entries(values).map(([name, value]) => (value === undefined ? '' : writeString(name, value)))
  const member = `${label}=${writeComponentList(components)}${flags}${strings.join('')}`
  if (scanSignatureInput(member, true)?.length !== 1) throw malformed('the label or a component cannot be written')
  return member
}

/**
 * Reads `Accept-Signature`: what the next request, or this response, is to be signed with.
 * @throws Refusal `signature_malformed`
 */
export function parseAcceptSignature(lines: readonly string[]): readonly RequestedSignature[] {
  return scanInputs(lines).map(({ label, list, parameters }) => ({
    label,
    components: parseComponentList(list).map(({ component }) => component),
    created: flag(parameters, 'created'),
    expires: flag(parameters, 'expires'),
    ...strings(parameters),
  }))
}

function writeString(name: string, value: string): string {
  if (!/^[\x20-\x7e]*$/.test(value)) throw malformed(`${name} must be printable ASCII`)
  return `;${name}="${value.replace(/["\\]/g, '\\$&')}"`
}

/** Some servers send a time instead of the bare flag; both ask for one. */
function flag(parameters: ReadonlyMap<string, ParameterValue>, name: string): boolean {
  return parameters.has(name)
}

function strings(parameters: ReadonlyMap<string, ParameterValue>): Partial<RequestedSignature> {
  const known = ['nonce', 'keyid', 'alg', 'tag'].filter((name) => parameters.has(name))
  return Object.fromEntries(known.map((name) => [name, requireString(name, parameters.get(name))]))
}

function requireString(name: string, value: ParameterValue | undefined): string {
  if (typeof value === 'string') return value
  throw malformed(`${name} must be a string`)
}

function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}
