import { Refusal } from '@countermark/core'
import { decodeBase64, type HeaderFields } from '@countermark/core/internal'
import type { FindComponentList } from './component-lists.ts'
import { scanByteSequences } from './scan-byte-sequences.ts'
import type { ScannedInput } from './scan-signature-input.ts'
import { MAX_FIELD_LENGTH, openInput, type SignatureInput, scanInputs } from './signature-input.ts'

/** One label of the two fields, read but not judged. */
export interface PresentedSignature {
  readonly scanned: ScannedInput
  /** Base64, not decoded. */
  readonly signature: string
}

/** The same after it was judged by itself. */
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
  const signatures = scanSignatures(signatureLines)
  if (inputs.length === 0 || inputs.length > MAX_LABELS) throw malformed(`1 to ${MAX_LABELS} signatures are accepted`)
  if (inputs.length !== signatures.size) throw malformed('Signature-Input and Signature must have the same labels')
  return inputs.map((scanned) => {
    const signature = signatures.get(scanned.label)
    if (signature === undefined) throw malformed('Signature-Input and Signature must have the same labels')
    return { scanned, signature }
  })
}

/**
 * Judges one signature's shape by itself: a bad one among several must not spoil the others (RFC 9421 section 7.2.6).
 * @throws Refusal `signature_malformed`
 */
export function openSignature(presented: PresentedSignature, findList: FindComponentList): OpenedSignature {
  const signature = decodeBase64(presented.signature)
  if (signature === undefined) throw malformed('a signature must be canonical base64')
  return { input: openInput(presented.scanned, findList), signature }
}

function scanSignatures(lines: readonly string[]): ReadonlyMap<string, string> {
  const text = lines.length === 1 ? (lines[0] as string) : lines.join(', ')
  if (text.length > MAX_FIELD_LENGTH) throw malformed(`a signature field may have ${MAX_FIELD_LENGTH} characters`)
  const signatures = scanByteSequences(text)
  if (signatures === undefined) throw malformed('Signature must be a dictionary of byte sequences')
  return signatures
}

function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}
