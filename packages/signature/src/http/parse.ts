import { Refusal } from '@countermark/core'

/** A parameter value: text and integers as they are, everything else as the text of a Structured Field. */
export type ParameterValue = string | number | true | OtherValue

/** A value of a type that no parameter known here has. */
interface OtherValue {
  readonly other: string
}

/** One member of Signature-Input or Accept-Signature, in canonical form; what it says is not checked yet. */
export interface ScannedInput {
  readonly label: string
  /** `("@method" "@path")` */
  readonly list: string
  /** `;created=1618884473;keyid="a"` */
  readonly parametersText: string
  readonly parameters: ReadonlyMap<string, ParameterValue>
}

/** RFC 9651 section 3.1.2. */
const KEY = '[a-z*][a-z0-9_.*-]*'
/** What follows a member: one comma and another member, or the end. */
const SEPARATOR = /[ \t]*(?:,[ \t]*(?=[^ \t])|$)/y

/** What signers write: strings without escapes, integers of 15 digits without a sign. */
const PLAIN = {
  string: String.raw`"[\x20\x21\x23-\x5b\x5d-\x7e]*"`,
  other: '(?:0|[1-9][0-9]{0,14})(?![0-9.])',
}
/** What the complete reader writes: nothing of it needs a check. */
const CANONICAL = {
  string: String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"`,
  other: String.raw`%"[^"]*"|[^;,\s")]+`,
}

const PLAIN_MEMBER = memberPattern(PLAIN)
const CANONICAL_MEMBER = memberPattern(CANONICAL)
const INTEGER = /^(?:0|[1-9][0-9]{0,14})$/
const BYTE_SEQUENCE = new RegExp(`(${KEY})=:([^:]*):`, 'y')

/** Each alternative starts with another character, so that no text takes more than one attempt. */
function memberPattern({ string, other }: typeof PLAIN): RegExp {
  const parameters = `(?:;${KEY}(?:=(?:${string}|${other}))?)*`
  const item = `${string}${parameters}`
  return new RegExp(String.raw`(${KEY})=(\((?:${item}(?: ${item})*)?\))(${parameters})`, 'y')
}

/**
 * Reads a dictionary of inner lists of strings (RFC 9421 section 4.1) if it is written in the canonical form that signers
 * produce. `undefined` for everything else, be it malformed or only unusual: that is for the complete reader.
 */
export function scanSignatureInput(text: string, canonical: boolean): readonly ScannedInput[] | undefined {
  const pattern = canonical ? CANONICAL_MEMBER : PLAIN_MEMBER
  const inputs: ScannedInput[] = []
  for (let at = 0; at < text.length; at = SEPARATOR.lastIndex) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match === null) return undefined
    const label = match[1] as string
    const parametersText = match[3] as string
    const parameters = readParameters(parametersText)
    if (parameters === undefined || inputs.some((input) => input.label === label)) return undefined
    inputs.push({ label, list: match[2] as string, parametersText, parameters })
    if (!skipSeparator(text, pattern.lastIndex)) return undefined
  }
  return inputs
}

/** Cuts up what has matched: `;flag`, `;number=1` or `;text="…"`, one behind the other. `undefined` where a name repeats. */
function readParameters(text: string): ReadonlyMap<string, ParameterValue> | undefined {
  const parameters = new Map<string, ParameterValue>()
  for (let at = 0; at < text.length; ) {
    const equals = text.indexOf('=', at)
    const semicolon = text.indexOf(';', at + 1)
    const next = semicolon === -1 ? text.length : semicolon
    const isFlag = equals === -1 || next < equals
    const key = text.slice(at + 1, isFlag ? next : equals)
    if (parameters.has(key)) return undefined
    at = isFlag ? next : endOfValue(text, equals + 1, next)
    parameters.set(key, isFlag || readValue(text.slice(equals + 1, at)))
  }
  return parameters
}

function endOfValue(text: string, start: number, next: number): number {
  if (text.charCodeAt(start) === PERCENT) return text.indexOf('"', start + 2) + 1
  if (text.charCodeAt(start) !== QUOTE) return next
  let end = text.indexOf('"', start + 1)
  if (text.charCodeAt(end - 1) !== BACKSLASH) return end + 1
  for (end = start + 1; text.charCodeAt(end) !== QUOTE; ) end += text.charCodeAt(end) === BACKSLASH ? 2 : 1
  return end + 1
}

function readValue(value: string): ParameterValue {
  if (value.charCodeAt(0) !== QUOTE) return INTEGER.test(value) ? Number(value) : { other: value }
  const content = value.slice(1, -1)
  return content.includes('\\') ? content.replace(/\\(.)/g, '$1') : content
}

/**
 * Reads a dictionary of byte sequences without parameters, such as Signature or Content-Digest, into base64 by key
 * (RFC 9421 section 4.2, RFC 9530 section 2). The base64 is not decoded yet. `undefined` when the text is anything else,
 * or when a key occurs twice: a parser that keeps the last one would check another value than we do.
 */
export function scanByteSequences(text: string): ReadonlyMap<string, string> | undefined {
  const sequences = new Map<string, string>()
  for (let at = 0; at < text.length; at = SEPARATOR.lastIndex) {
    BYTE_SEQUENCE.lastIndex = at
    const match = BYTE_SEQUENCE.exec(text)
    const key = match?.[1]
    if (key === undefined || sequences.has(key)) return undefined
    sequences.set(key, match?.[2] as string)
    if (!skipSeparator(text, BYTE_SEQUENCE.lastIndex)) return undefined
  }
  return sequences
}

function skipSeparator(text: string, at: number): boolean {
  SEPARATOR.lastIndex = at
  return SEPARATOR.test(text)
}

/** What cannot be read, or must not be written. */
export function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}

const QUOTE = 0x22
const PERCENT = 0x25
const BACKSLASH = 0x5c
