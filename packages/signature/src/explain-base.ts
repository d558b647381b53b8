import { decodeBase64, type HeaderFields } from '@countermark/core/internal'
import { digestBase64 } from './sha-digest.ts'

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
  return `${start}<sha-256 ${digestBase64('sha256', Buffer.from(secret, 'utf8'))}>`
}

function firstDifference(expected: readonly string[], received: readonly string[]): number | undefined {
  const length = Math.max(expected.length, received.length)
  for (let index = 0; index < length; index++) {
    if (expected[index] !== received[index]) return index + 1
  }
  return undefined
}
