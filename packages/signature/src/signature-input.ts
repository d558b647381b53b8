import { Refusal } from '@countermark/core'
import type { ComponentList } from './component-list.ts'
import { createComponentLists, type FindComponentList } from './component-lists.ts'
import { type ParameterValue, type ScannedInput, scanSignatureInput } from './scan-signature-input.ts'
import { readStructuredText, writeDictionary } from './structured-text.ts'

/** One member of `Signature-Input`: what is covered, and what the signer says about the signature. */
export interface SignatureInput {
  readonly label: string
  readonly list: ComponentList
  readonly parameters: SignatureParameters
  /** Those and all others. @default not read from a field */
  readonly all?: ReadonlyMap<string, ParameterValue>
  /** The value of `@signature-params`: the list with all its parameters, known or not, in their order. */
  readonly text: string
}

/** The metadata parameters of RFC 9421 section 2.3. */
export interface SignatureParameters {
  /** Unix seconds. */
  readonly created: number | undefined
  /** Unix seconds. */
  readonly expires: number | undefined
  readonly nonce: string | undefined
  readonly alg: string | undefined
  readonly keyid: string | undefined
  readonly tag: string | undefined
}

/** Longer field values are refused before they are read. */
export const MAX_FIELD_LENGTH = 8192

/** The complete reader costs ten times as much: it is for the few who write spaces or decimals, not for floods. */
const MAX_UNUSUAL_LENGTH = 2048

/**
 * Parses `Signature-Input` (RFC 9421 section 4.1).
 * @throws Refusal `signature_malformed`
 */
export function parseSignatureInput(lines: readonly string[]): readonly SignatureInput[] {
  const findList = createComponentLists()
  return scanInputs(lines).map((scanned) => openInput(scanned, findList))
}

/** Reads the syntax of all members; what each of them says is judged later and alone. */
export function scanInputs(lines: readonly string[]): readonly ScannedInput[] {
  const text = lines.length === 1 ? (lines[0] as string) : lines.join(', ')
  if (text.length > MAX_FIELD_LENGTH) throw malformed(`a signature field may have ${MAX_FIELD_LENGTH} characters`)
  const inputs = scanSignatureInput(text, false) ?? scanSignatureInput(canonicalise(text), true)
  if (inputs === undefined) throw malformed('Signature-Input must be a dictionary of lists of strings')
  return inputs
}

/** Judges one member by itself. */
export function openInput(scanned: ScannedInput, findList: FindComponentList): SignatureInput {
  const { label, parameters } = scanned
  return {
    label,
    list: findList(scanned.list),
    parameters: {
      created: integer(parameters, 'created'),
      expires: integer(parameters, 'expires'),
      nonce: string(parameters, 'nonce'),
      alg: string(parameters, 'alg'),
      keyid: string(parameters, 'keyid'),
      tag: string(parameters, 'tag'),
    },
    all: parameters,
    text: scanned.list + scanned.parametersText,
  }
}

function canonicalise(text: string): string {
  if (text.length > MAX_UNUSUAL_LENGTH) throw malformed('a long Signature-Input must be in canonical form')
  return writeDictionary(readStructuredText(text).dictionary())
}

function integer(parameters: ReadonlyMap<string, ParameterValue>, name: string): number | undefined {
  const value = parameters.get(name)
  if (value === undefined || typeof value === 'number') return value
  throw malformed(`${name} must be an integer`)
}

function string(parameters: ReadonlyMap<string, ParameterValue>, name: string): string | undefined {
  const value = parameters.get(name)
  if (value === undefined || typeof value === 'string') return value
  throw malformed(`${name} must be a string`)
}

function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}
