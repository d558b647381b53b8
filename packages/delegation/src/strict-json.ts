/** How much JSON is read. */
export interface StrictJsonRules {
  readonly maxDepth: number
  /** Members, objects and lists together: what costs memory beyond its text. */
  readonly maxMembers: number
}

/** An object out of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>

/** JSON that parsers may read differently, or that reaches further than expected. */
export class AmbiguousJson extends Error {
  override readonly name = 'AmbiguousJson'
}

const RULES: StrictJsonRules = { maxDepth: 32, maxMembers: 512 }

/**
 * Parses JSON that everybody reads alike: no member twice in one object (RFC 8259 section 4 leaves open which one counts),
 * none named `__proto__`, no number beyond a double, bounded in depth and size. Objects come out frozen.
 * @throws AmbiguousJson, SyntaxError
 */
export function parseStrictJson(text: string, rules: StrictJsonRules = RULES): unknown {
  const value: unknown = JSON.parse(text)
  checkMembers(text, rules)
  return freezeDeep(value)
}

/** Whether a value out of JSON is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member that the object itself holds, never one of a prototype. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Walks through text that is known to be JSON. A string is a member's name iff a colon follows. */
function checkMembers(text: string, rules: StrictJsonRules): void {
  const open: (Set<string> | undefined)[] = []
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (isName(text, end)) {
        open[open.length - 1] = addName(open[open.length - 1], text.slice(at, end))
        members++
      }
      at = end - 1
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      open.push(undefined)
      members++
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) open.pop()
    if (open.length > rules.maxDepth || members > rules.maxMembers) throw new AmbiguousJson('the JSON is too large')
  }
}

/** Behind the closing quote: the first one that no backslash escapes. */
function endOfString(text: string, from: number): number {
  let end = text.indexOf('"', from + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end + 1
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === BACKSLASH) before--
  return (at - before) % 2 === 0
}

function isName(text: string, from: number): boolean {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return text.charCodeAt(at) === COLON
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}

function addName(names: Set<string> | undefined, token: string): Set<string> {
  // Two spellings of one name are one name.
  const name = token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1)
  if (name === '__proto__') throw new AmbiguousJson('no member may be named __proto__')
  if (names === undefined) return new Set([name])
  if (names.has(name)) throw new AmbiguousJson('a member occurs twice')
  return names.add(name)
}

function freezeDeep(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new AmbiguousJson('a number is too large')
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) freezeDeep(member)
  return Object.freeze(value)
}
