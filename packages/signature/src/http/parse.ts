import { Refusal } from '@countermark/core'

/** A parameter value: text and integers as they are, everything else as the text of a Structured Field. */
export type ParameterValue = string | number | true | OtherValue

/** A value of a type that no parameter known here has. */
export interface OtherValue {
  readonly other: string
}

/** One member of Signature-Input or Accept-Signature, in canonical form; what it says is not judged yet. */
export interface ScannedInput {
  readonly label: string
  /** `("@method" "@path")` */
  readonly list: string
  /** `;created=1618884473;keyid="a"` */
  readonly parametersText: string
  readonly parameters: ReadonlyMap<string, ParameterValue>
}

interface Cursor {
  readonly text: string
  at: number
  /** The text was written by us: values of rare types need no check. */
  readonly canonical: boolean
}

/**
 * Reads a dictionary of inner lists of strings (RFC 9421 section 4.1) if it is written in the canonical form that signers
 * produce. `undefined` for everything else, be it malformed or only unusual: that is for the complete reader.
 */
export function scanSignatureInput(text: string, canonical: boolean): readonly ScannedInput[] | undefined {
  const cursor: Cursor = { text, at: 0, canonical }
  const inputs: ScannedInput[] = []
  while (cursor.at < text.length) {
    const input = scanMember(cursor)
    if (input === undefined || inputs.some(({ label }) => label === input.label)) return undefined
    inputs.push(input)
    const next = skipSeparator(text, cursor.at)
    if (next === undefined) return undefined
    cursor.at = next
  }
  return inputs
}

function scanMember(cursor: Cursor): ScannedInput | undefined {
  const { text, at } = cursor
  const end = skipDictionaryKey(text, at)
  if (end === at || text.charCodeAt(end) !== EQUALS) return undefined
  cursor.at = end + 1
  if (!skipInnerList(cursor)) return undefined
  const listEnd = cursor.at
  const parameters = scanParameters(cursor)
  if (parameters === undefined) return undefined
  return {
    label: text.slice(at, end),
    list: text.slice(end + 1, listEnd),
    parametersText: text.slice(listEnd, cursor.at),
    parameters,
  }
}

function skipInnerList(cursor: Cursor): boolean {
  const { text } = cursor
  if (text.charCodeAt(cursor.at) !== OPEN) return false
  cursor.at++
  if (text.charCodeAt(cursor.at) === CLOSE) {
    cursor.at++
    return true
  }
  for (;;) {
    if (scanString(cursor) === undefined || !skipItemParameters(cursor)) return false
    const code = text.charCodeAt(cursor.at)
    cursor.at++
    if (code === CLOSE) return true
    if (code !== SPACE) return false
  }
}

function skipItemParameters(cursor: Cursor): boolean {
  while (cursor.text.charCodeAt(cursor.at) === SEMICOLON) {
    cursor.at++
    if (scanKey(cursor) === undefined || scanParameterValue(cursor) === undefined) return false
  }
  return true
}

function scanParameters(cursor: Cursor): ReadonlyMap<string, ParameterValue> | undefined {
  const parameters = new Map<string, ParameterValue>()
  while (cursor.text.charCodeAt(cursor.at) === SEMICOLON) {
    cursor.at++
    const key = scanKey(cursor)
    const value = key === undefined ? undefined : scanParameterValue(cursor)
    if (key === undefined || value === undefined || parameters.has(key)) return undefined
    parameters.set(key, value)
  }
  return parameters
}

function scanKey(cursor: Cursor): string | undefined {
  const { text, at } = cursor
  if (!isDictionaryKeyAt(text, at)) return undefined
  cursor.at = skipDictionaryKey(text, at)
  return text.slice(at, cursor.at)
}

function scanParameterValue(cursor: Cursor): ParameterValue | undefined {
  const { text } = cursor
  if (text.charCodeAt(cursor.at) !== EQUALS) return true
  cursor.at++
  const code = text.charCodeAt(cursor.at)
  if (code === QUOTE) return scanString(cursor)
  return code >= DIGIT_0 && code <= DIGIT_9 ? scanInteger(cursor) : scanOther(cursor)
}

/** A string without escapes, or any string in canonical text. */
function scanString(cursor: Cursor): string | undefined {
  const { text, at } = cursor
  if (text.charCodeAt(at) !== QUOTE) return undefined
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === QUOTE) {
      cursor.at = end + 1
      return text.slice(at + 1, end)
    }
    if (code < SPACE || code > TILDE) return undefined
    if (code === BACKSLASH) return cursor.canonical ? scanEscapedString(cursor) : undefined
  }
  return undefined
}

function scanEscapedString(cursor: Cursor): string {
  const quoted = /"((?:[^"\\]|\\.)*)"/y
  quoted.lastIndex = cursor.at
  const content = quoted.exec(cursor.text)?.[1] ?? ''
  cursor.at += content.length + 2
  return content.replace(/\\(.)/g, '$1')
}

/** An integer without sign or leading zeros; at most 15 digits (RFC 9651 section 3.3.1). */
function scanInteger(cursor: Cursor): number | OtherValue | undefined {
  const { text, at } = cursor
  let end = at
  let value = 0
  for (let code = text.charCodeAt(end); code >= DIGIT_0 && code <= DIGIT_9; code = text.charCodeAt(++end)) {
    value = value * 10 + code - DIGIT_0
  }
  const isCanonical = end - at <= 15 && (text.charCodeAt(at) !== DIGIT_0 || end - at === 1)
  if (!isCanonical || text.charCodeAt(end) === DOT) return scanOther(cursor)
  cursor.at = end
  return value
}

function scanOther(cursor: Cursor): OtherValue | undefined {
  if (!cursor.canonical) return undefined
  const value = /%"[^"]*"|[^;,\s)]+/y
  value.lastIndex = cursor.at
  const other = value.exec(cursor.text)?.[0] ?? ''
  cursor.at += other.length
  return { other }
}

/** Whether a dictionary key may start here: a lower-case letter or `*` (RFC 9651 section 3.1.2). */
function isDictionaryKeyAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return isLowerCase(code) || code === ASTERISK
}

/** The end of the key that starts here; `at` itself when none does. */
function skipDictionaryKey(text: string, at: number): number {
  if (!isDictionaryKeyAt(text, at)) return at
  let end = at + 1
  while (end < text.length && isKeyCode(text.charCodeAt(end))) end++
  return end
}

/** Where the next member starts, or the end of the text; `undefined` after anything but one comma. */
function skipSeparator(text: string, at: number): number | undefined {
  if (at === text.length) return at
  let next = skipWhiteSpace(text, at)
  if (next === text.length) return next
  if (text.charCodeAt(next) !== COMMA) return undefined
  next = skipWhiteSpace(text, next + 1)
  return next === text.length ? undefined : next
}

function skipWhiteSpace(text: string, at: number): number {
  let next = at
  while (text.charCodeAt(next) === 0x20 || text.charCodeAt(next) === 0x09) next++
  return next
}

function isKeyCode(code: number): boolean {
  const isSign = code === 0x5f || code === 0x2d || code === DOT || code === ASTERISK
  return isLowerCase(code) || (code >= DIGIT_0 && code <= DIGIT_9) || isSign
}

function isLowerCase(code: number): boolean {
  return code >= 0x61 && code <= 0x7a
}

/**
 * Reads a dictionary of byte sequences without parameters, such as Signature or Content-Digest, into base64 by key
 * (RFC 9421 section 4.2, RFC 9530 section 2). The base64 is not decoded yet. `undefined` when the text is anything else,
 * or when a key occurs twice: a parser that keeps the last one would judge another value than we do.
 */
export function scanByteSequences(text: string): ReadonlyMap<string, string> | undefined {
  const sequences = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const keyEnd = skipDictionaryKey(text, at)
    if (keyEnd === at || text.charCodeAt(keyEnd) !== EQUALS || text.charCodeAt(keyEnd + 1) !== COLON) return undefined
    const valueEnd = text.indexOf(':', keyEnd + 2)
    if (valueEnd === -1) return undefined
    const key = text.slice(at, keyEnd)
    if (sequences.has(key)) return undefined
    sequences.set(key, text.slice(keyEnd + 2, valueEnd))
    const next = skipSeparator(text, valueEnd + 1)
    if (next === undefined) return undefined
    at = next
  }
  return sequences
}

/** What cannot be read, or must not be written. */
export function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}

const SPACE = 0x20
const QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const ASTERISK = 0x2a
const COMMA = 0x2c
const DOT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const COLON = 0x3a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BACKSLASH = 0x5c
const TILDE = 0x7e
