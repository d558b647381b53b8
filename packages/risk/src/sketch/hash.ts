/** FNV-1a in 32 bits: spreads names over cells. No caller gains by a collision but to look like itself. */
const BASIS = 0x811c9dc5
const PRIME = 0x01000193

/** A text in 32 bits; never 0, which stands for none. */
export function hashText(text: string, begin: number = BASIS): number {
  let hash = begin
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), PRIME)
  return hash >>> 0 || 1
}

/** The shape of a path, and the last id in it. One object for all paths, so that nothing is made for each. */
export interface PathShape {
  route: number
  resource: number
  resourceNumber: number
}

const SLASH = 47
const LONGEST_WORD = 32
const MOST_DIGITS = 15

/** Reads a path: a segment with a digit, or a long one, is an id, and all ids are one word of the shape. */
export function readPath(method: string, path: string, shape: PathShape): PathShape {
  let route = hashText(method)
  shape.resource = 0
  shape.resourceNumber = -1
  for (let from = 1; from <= path.length; ) {
    const slash = path.indexOf('/', from)
    const end = slash === -1 ? path.length : slash
    route = Math.imul(route ^ SLASH, PRIME)
    if (isId(path, from, end)) {
      readId(path, from, end, shape)
      route = Math.imul(route ^ 1, PRIME)
    } else {
      for (let at = from; at < end; at++) route = Math.imul(route ^ path.charCodeAt(at), PRIME)
    }
    from = end + 1
  }
  shape.route = route >>> 0 || 1
  return shape
}

function isId(path: string, from: number, end: number): boolean {
  if (end - from > LONGEST_WORD) return true
  // A version such as v1 is a word.
  if (end - from === 2 && path.charCodeAt(from) === 118) return false
  for (let at = from; at < end; at++) if (isDigit(path.charCodeAt(at))) return true
  return false
}

function readId(path: string, from: number, end: number, shape: PathShape): void {
  let hash = BASIS
  let value = 0
  let isNumber = end - from <= MOST_DIGITS
  for (let at = from; at < end; at++) {
    const code = path.charCodeAt(at)
    hash = Math.imul(hash ^ code, PRIME)
    if (isDigit(code)) value = value * 10 + code - 48
    else isNumber = false
  }
  shape.resource = hash >>> 0 || 1
  shape.resourceNumber = isNumber ? value : -1
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}
