import { Refusal } from '@countermark/core'
import { decodeBase64 } from '@countermark/core/internal'

/**
 * Reads a Structured Field of any of the three types and writes it back in canonical form (RFC 9651 sections 4.1, 4.2).
 * Text in, text out: `1.0` stays a decimal and a date needs no clock. Stricter than the standard where one text could
 * mean two things: keys occur once, base64 is canonical.
 */
export interface StructuredText {
  /** Member texts by key, each as it stands behind the key: `=1;a`, `=(x y)`, or `;a` for a bare true. */
  readonly dictionary: () => ReadonlyMap<string, string>
  readonly list: () => string
  readonly item: () => string
}

/** Starts reading a field value. @throws Refusal `signature_malformed` from each of its functions */
export function readStructuredText(text: string): StructuredText {
  const cursor = createCursor(text)
  return {
    dictionary: () => {
      const members = new Map<string, string>()
      readEach(cursor, () => addMember(members, cursor.take('key'), () => readDictionaryMember(cursor)))
      return members
    },
    list: () => {
      const members: string[] = []
      readEach(cursor, () => members.push(readItemOrInnerList(cursor)))
      return members.join(', ')
    },
    item: () => {
      cursor.take('leading')
      const value = readItem(cursor)
      cursor.take('end')
      return value
    },
  }
}

/** Writes a dictionary read by {@link readStructuredText}. */
export function writeDictionary(members: ReadonlyMap<string, string>): string {
  return [...members].map(([name, value]) => name + value).join(', ')
}

/** The text of one dictionary member alone, as an item (RFC 9421 section 2.1.2). */
export function writeMember(value: string): string {
  return value.startsWith('=') ? value.slice(1) : `?1${value}`
}

/** A place in a text. */
interface Cursor {
  /** The next character; '' at the end. */
  readonly peek: () => string
  readonly skip: () => void
  /** Goes past what a pattern matches here. @throws Refusal when it does not */
  readonly take: (expected: keyof Patterns) => string
}

function createCursor(text: string): Cursor {
  const patterns = createPatterns()
  let at = 0
  return {
    peek: () => text.charAt(at),
    skip: () => {
      at++
    },
    take: (expected) => {
      const pattern = patterns[expected]
      pattern.lastIndex = at
      if (!pattern.test(text)) throw malformed()
      const taken = text.slice(at, pattern.lastIndex)
      at = pattern.lastIndex
      return taken
    },
  }
}

function readEach(cursor: Cursor, read: () => void): void {
  cursor.take('leading')
  while (cursor.peek() !== '') {
    read()
    cursor.take('separator')
  }
}

function addMember(members: Map<string, string>, name: string, read: () => string): void {
  if (members.has(name)) throw malformed()
  members.set(name, read())
}

function readDictionaryMember(cursor: Cursor): string {
  if (cursor.peek() !== '=') return readParameters(cursor)
  cursor.skip()
  const value = readItemOrInnerList(cursor)
  return value.startsWith('?1') ? value.slice(2) : `=${value}`
}

function readItemOrInnerList(cursor: Cursor): string {
  return cursor.peek() === '(' ? readInnerList(cursor) : readItem(cursor)
}

function readInnerList(cursor: Cursor): string {
  cursor.take('open')
  const items: string[] = []
  while (cursor.peek() !== ')') {
    items.push(readItem(cursor))
    if (cursor.peek() !== ')') cursor.take('spaces')
  }
  cursor.skip()
  return `(${items.join(' ')})${readParameters(cursor)}`
}

function readItem(cursor: Cursor): string {
  return readBareItem(cursor) + readParameters(cursor)
}

function readParameters(cursor: Cursor): string {
  const written = new Map<string, string>()
  while (cursor.peek() === ';') {
    cursor.take('semicolon')
    addMember(written, cursor.take('key'), () => readParameterValue(cursor))
  }
  return [...written].map(([name, value]) => `;${name}${value}`).join('')
}

function readParameterValue(cursor: Cursor): string {
  if (cursor.peek() !== '=') return ''
  cursor.skip()
  const value = readBareItem(cursor)
  return value === '?1' ? '' : `=${value}`
}

function readBareItem(cursor: Cursor): string {
  return canonicalValue(cursor.take(kindOf(cursor.peek())))
}

type Kind = 'number' | 'string' | 'bytes' | 'boolean' | 'date' | 'display' | 'token'

const KIND_BY_FIRST: Readonly<Record<string, Kind>> = {
  '"': 'string',
  ':': 'bytes',
  '?': 'boolean',
  '@': 'date',
  '%': 'display',
}

type Patterns = Readonly<
  Record<Kind | 'key' | 'semicolon' | 'open' | 'spaces' | 'separator' | 'leading' | 'end', RegExp>
>

/** Sticky patterns carry a position: every reader has its own. */
function createPatterns(): Patterns {
  return {
    key: /[a-z*][a-z0-9_.*-]*/y,
    semicolon: /; */y,
    open: /\( */y,
    spaces: / +/y,
    separator: /[ \t]*(?:,[ \t]*(?=[^ \t])|$)/y,
    leading: / */y,
    end: / *$/y,
    number: /-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])/y,
    string: /"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y,
    bytes: /:[A-Za-z0-9+/=]*:/y,
    boolean: /\?[01]/y,
    date: /@-?[0-9]{1,15}(?![0-9.])/y,
    display: /%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"/y,
    token: /[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*/y,
  }
}

function kindOf(first: string): Kind {
  if ((first >= '0' && first <= '9') || first === '-') return 'number'
  return KIND_BY_FIRST[first] ?? 'token'
}

function canonicalValue(text: string): string {
  switch (kindOf(text.charAt(0))) {
    case 'number':
      return canonicalNumber(text)
    case 'date':
      return `@${canonicalNumber(text.slice(1))}`
    case 'bytes':
      if (decodeBase64(text.slice(1, -1)) === undefined) throw malformed()
      return text
    case 'display':
      return canonicalDisplayString(text)
    default:
      return text
  }
}

function canonicalNumber(text: string): string {
  const [whole = '', fraction] = text.replace('-', '').split('.')
  const digits = whole.replace(/^0+(?=[0-9])/, '')
  const value = fraction === undefined ? digits : `${digits}.${fraction.replace(/(?<=[0-9])0{1,2}$/, '')}`
  return text.startsWith('-') && /[1-9]/.test(value) ? `-${value}` : value
}

function canonicalDisplayString(text: string): string {
  const bytes = Buffer.from(
    text.slice(2, -1).replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
  if (!Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes)) throw malformed()
  const escaped = bytes
    .toString('latin1')
    .replace(/[^\x20\x21\x23\x24\x26-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `%"${escaped}"`
}

function malformed(): Refusal {
  return new Refusal('signature_malformed', 'a structured field cannot be parsed')
}
