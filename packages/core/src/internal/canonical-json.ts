/** What JSON can say. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue }

const MAX_DEPTH = 32
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * The canonical text of a JSON value (RFC 8785): members sorted by UTF-16 code units, no white space, numbers as
 * ECMAScript writes them. What JSON cannot say is refused, never dropped: the signer must know what is signed.
 * @throws TypeError
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0)
}

function write(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw new TypeError(`JSON may be nested ${MAX_DEPTH} deep`)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return writeNumber(value)
  if (typeof value === 'string') return writeString(value)
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, depth + 1)).join(',')}]`
  if (typeof value === 'object' && isPlain(value)) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([name, member]) => `${writeString(name)}:${write(member, depth + 1)}`).join(',')}}`
  }
  throw new TypeError('JSON holds null, booleans, numbers, strings, arrays and plain objects only')
}

/** RFC 8785 section 3.2.2.3: ECMAScript's own form; -0 becomes 0. */
function writeNumber(value: number): string {
  if (Number.isFinite(value)) return JSON.stringify(value)
  throw new TypeError('JSON has no NaN and no Infinity')
}

/** RFC 8785 section 3.2.2.2: ECMAScript's own escapes; a lone surrogate is an error. */
function writeString(value: string): string {
  if (LONE_SURROGATE.test(value)) throw new TypeError('a string of JSON must be well-formed Unicode')
  return JSON.stringify(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
