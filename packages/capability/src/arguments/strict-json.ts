import { isUtf8 } from 'node:buffer'

const MAX_DEPTH = 64
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/**
 * Parses JSON that everybody reads alike: UTF-8 without a byte order mark, and no member twice in one object. RFC 8259
 * section 4 leaves open which of two would count, so the handler might see another amount than was judged.
 * @throws SyntaxError
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw new SyntaxError('the body is not UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const value: unknown = JSON.parse(text)
  // Each member has one colon in the text. Of two with one name the parser has kept one, however they were spelled.
  if (countColons(text) === countMembers(value)) return value
  throw new SyntaxError('a member occurs twice')
}

/** Colons outside of strings, in text that is known to be JSON. */
function countColons(text: string): number {
  let colons = 0
  let isInside = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) isInside = !isInside
    else if (isInside && code === BACKSLASH) index++
    else if (!isInside && code === COLON) colons++
  }
  return colons
}

function countMembers(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null) return 0
  if (depth >= MAX_DEPTH) throw new SyntaxError('the body is nested too deep')
  let members = 0
  if (Array.isArray(value)) {
    for (const entry of value) members += countMembers(entry, depth + 1)
    return members
  }
  for (const member of Object.values(value)) members += 1 + countMembers(member, depth + 1)
  return members
}
