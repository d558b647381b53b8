import { hash } from 'node:crypto'
import { Refusal } from '@countermark/core'
import {
  decodeBase64,
  type HeaderFields,
  isSignatureAlgorithm,
  type SignatureAlgorithm,
} from '@countermark/core/internal'
import { type ComponentList, createComponentLists, type FindComponentList } from './components.ts'
import { malformed, type ParameterValue, type ScannedInput, scanByteSequences, scanSignatureInput } from './parse.ts'
import { readStructuredText, writeDictionary } from './structured-text.ts'

/** One member of `Signature-Input`: what is covered, and what the signer says about the signature. */
export interface SignatureInput {
  /** The label of the signature. */
  readonly label: string
  /** What it covers. */
  readonly list: ComponentList
  /** Its parameters, such as `created` and `keyid`. */
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
const MAX_FIELD_LENGTH = 8192

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

/** Reads the syntax of all members; what each of them says is checked later and alone. */
export function scanInputs(lines: readonly string[]): readonly ScannedInput[] {
  const text = joinLines(lines)
  const inputs = scanSignatureInput(text, false) ?? scanSignatureInput(canonicalise(text), true)
  if (inputs === undefined) throw malformed('Signature-Input must be a dictionary of lists of strings')
  return inputs
}

function openInput(scanned: ScannedInput, findList: FindComponentList): SignatureInput {
  const { label, parameters } = scanned
  return {
    label,
    list: findList(scanned.list),
    parameters: {
      created: integer(parameters, 'created'),
      expires: integer(parameters, 'expires'),
      nonce: textOf(parameters, 'nonce'),
      alg: textOf(parameters, 'alg'),
      keyid: textOf(parameters, 'keyid'),
      tag: textOf(parameters, 'tag'),
    },
    all: parameters,
    text: scanned.list + scanned.parametersText,
  }
}

function joinLines(lines: readonly string[]): string {
  const text = lines.length === 1 ? (lines[0] as string) : lines.join(', ')
  if (text.length <= MAX_FIELD_LENGTH) return text
  throw malformed(`a signature field may have ${MAX_FIELD_LENGTH} characters`)
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

/** A parameter that is text. @throws Refusal `signature_malformed` */
export function textOf(parameters: ReadonlyMap<string, ParameterValue>, name: string): string | undefined {
  const value = parameters.get(name)
  if (value === undefined || typeof value === 'string') return value
  throw malformed(`${name} must be a string`)
}

/** The algorithm that `alg` states, if it does. @throws Refusal `algorithm_not_allowed` */
export function statedAlgorithm(
  { alg }: SignatureParameters,
  allowed: readonly SignatureAlgorithm[],
): SignatureAlgorithm | undefined {
  if (alg === undefined || (isSignatureAlgorithm(alg) && allowed.includes(alg))) return alg
  throw new Refusal('algorithm_not_allowed', `expected one of ${allowed.join(', ')}`)
}

/** One label of the two fields, read but not checked. */
export interface PresentedSignature {
  readonly scanned: ScannedInput
  /** Base64, not decoded. */
  readonly signature: string
}

/** The same after it was checked by itself. */
export interface OpenedSignature {
  readonly input: SignatureInput
  readonly signature: Uint8Array
}

const MAX_LABELS = 4

/**
 * Pairs `Signature-Input` with `Signature` by label (RFC 9421 section 4), in the order of the first.
 * @throws Refusal `signature_malformed`
 */
export function readPresentedSignatures(headers: HeaderFields): readonly PresentedSignature[] {
  const inputLines = headers.lines('signature-input')
  const signatureLines = headers.lines('signature')
  if (inputLines.length === 0 || signatureLines.length === 0) {
    throw malformed('Signature-Input and Signature must both be present')
  }
  const inputs = scanInputs(inputLines)
  const signatures = scanByteSequences(joinLines(signatureLines))
  if (signatures === undefined) throw malformed('Signature must be a dictionary of byte sequences')
  if (inputs.length === 0 || inputs.length > MAX_LABELS) throw malformed(`1 to ${MAX_LABELS} signatures are accepted`)
  if (inputs.length !== signatures.size) throw malformed('Signature-Input and Signature must have the same labels')
  const presented: PresentedSignature[] = []
  for (const scanned of inputs) {
    const signature = signatures.get(scanned.label)
    if (signature === undefined) throw malformed('Signature-Input and Signature must have the same labels')
    presented.push({ scanned, signature })
  }
  return presented
}

/**
 * Checks one signature's shape by itself: a bad one among several must not spoil the others (RFC 9421 section 7.2.6).
 * @throws Refusal `signature_malformed`
 */
export function openSignature(presented: PresentedSignature, findList: FindComponentList): OpenedSignature {
  const signature = decodeBase64(presented.signature)
  if (signature === undefined) throw malformed('a signature must be canonical base64')
  return { input: openInput(presented.scanned, findList), signature }
}

/** The algorithms that RFC 9530 section 5 calls active. All others are unknown or too weak to count. */
export type DigestAlgorithm = 'sha-256' | 'sha-512'

/** The same, the cheaper one first. */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['sha-256', 'sha-512']

const ACTIVE = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

const SOLE_START = 'sha-256=:'
const SOLE_LENGTH = SOLE_START.length + 44 + 1

/** What a server without an opinion asks for: `sha-512` costs three times as much. */
export const WANT_CONTENT_DIGEST = 'sha-256=10, sha-512=3'

/** A `Content-Digest` value for the content as it is transferred (RFC 9530 section 2). */
export function createContentDigest(content: Uint8Array, algorithm: DigestAlgorithm = 'sha-256'): string {
  return `${algorithm}=:${hash(ACTIVE[algorithm], content, 'base64')}:`
}

/**
 * Checks content against `Content-Digest`: every active algorithm that is stated must match, and there must be one.
 * @throws Refusal `digest_mismatch`
 */
export function checkContentDigest(lines: readonly string[], content: Uint8Array): void {
  const [line] = lines
  // What almost every caller states, one sha-256 spelt as we spell it, is compared without being parsed.
  const isSole = lines.length === 1 && line?.length === SOLE_LENGTH && line.startsWith(SOLE_START)
  if (isSole && line === createContentDigest(content)) return
  const stated = scanByteSequences(lines.join(', ').trim())
  if (stated === undefined) throw mismatch('Content-Digest must be a dictionary of byte sequences')
  let checked = 0
  for (const algorithm of DIGEST_ALGORITHMS) {
    const received = stated.get(algorithm)
    if (received === undefined) continue
    const expected = hash(ACTIVE[algorithm], content, 'base64')
    // A digest of what the caller sent itself is no secret: nothing is gained by comparing in constant time.
    if (received !== expected) {
      throw mismatch(`${algorithm} does not match the content`, { algorithm, expected, received })
    }
    checked++
  }
  if (checked === 0) throw mismatch('Content-Digest must state sha-256 or sha-512')
}

function mismatch(message: string, diagnosis?: Readonly<Record<string, string>>): Refusal {
  return new Refusal('digest_mismatch', message, diagnosis === undefined ? {} : { diagnosis: { digest: diagnosis } })
}
