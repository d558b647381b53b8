import { hash } from 'node:crypto'
import { decodeBase64, type HeaderFields } from '@countermark/core/internal'
import type { FieldType } from './component-values.ts'
import { compileComponentList } from './components.ts'
import type { SignatureInput } from './fields.ts'
import type { SignableMessage } from './message.ts'

/** The signed text as we built it, next to the one a client in development sent along. */
export interface BaseExplanation extends Readonly<Record<string, unknown>> {
  readonly expected: readonly string[]
  /** Of the `Signature-Base` field, when there is one. */
  readonly received: readonly string[] | undefined
  /** Counted from one; `undefined` when nothing was received or all lines are equal: then it is the key. */
  readonly firstDifferentLine: number | undefined
}

const MAX_RECEIVED_LENGTH = 32_768
const SECRET_LINE =
  /^("(?:authorization|proxy-authorization|cookie|dpop|agent-delegation|txn-token|workload-identity-token)"[^:]*: )(.*)$/

/** Shows a developer, line by line, what was signed differently. In development mode only. */
export function explainBase(base: Uint8Array, headers: HeaderFields): BaseExplanation {
  const expected = toLines(Buffer.from(base).toString('utf8'))
  const received = readReceived(headers)
  return { expected, received, firstDifferentLine: received && firstDifference(expected, received) }
}

function readReceived(headers: HeaderFields): readonly string[] | undefined {
  const text = headers.only('signature-base')
  if (text === undefined || text.length > MAX_RECEIVED_LENGTH) return undefined
  const bytes = decodeBase64(text)
  return bytes === undefined ? undefined : toLines(bytes.toString('utf8'))
}

function toLines(text: string): readonly string[] {
  return text.split('\n').map(withoutSecret)
}

/** A token in an error page ends up in a log. Its digest still shows whether both sides saw the same one. */
function withoutSecret(line: string): string {
  const match = SECRET_LINE.exec(line)
  if (match === null) return line
  const [, start = '', secret = ''] = match
  return `${start}<sha-256 ${hash('sha256', secret, 'base64')}>`
}

function firstDifference(expected: readonly string[], received: readonly string[]): number | undefined {
  const length = Math.max(expected.length, received.length)
  for (let index = 0; index < length; index++) {
    if (expected[index] !== received[index]) return index + 1
  }
  return undefined
}

/** Options of {@link createSignatureBase}. */
export interface SignatureBaseOptions {
  /** Types of fields beyond the registered ones, for components marked `sf`. */
  readonly fieldTypes?: Readonly<Record<string, FieldType>>
}

/**
 * The text that is signed (RFC 9421 section 2.5).
 * @throws Refusal `signature_malformed`, `signature_invalid` when a component cannot be had from the message
 */
export function createSignatureBase(
  message: SignableMessage,
  input: Pick<SignatureInput, 'list' | 'text'>,
  options: SignatureBaseOptions = {},
): string {
  const { fieldTypes } = options
  const { list, text } = input
  if (fieldTypes === undefined) return list.writeBase(message, text)
  return compileComponentList(list.text, new Map(Object.entries(fieldTypes))).writeBase(message, text)
}
