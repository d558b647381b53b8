import { isUtf8 } from 'node:buffer'

/** How much JSON is read. */
export interface StrictJsonRules {
  /** How deep objects and lists may lie in each other. */
  readonly maxDepth: number
  /** Members, objects and lists together: what costs memory beyond its text. */
  readonly maxMembers: number
}

/** An object out of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>

/** JSON that parsers may read differently, or that reaches further than expected. */
export class AmbiguousJson extends SyntaxError {
  override readonly name = 'AmbiguousJson'
}

const TOKEN_RULES: StrictJsonRules = { maxDepth: 32, maxMembers: 512 }
/** For the body of a request, which is bounded in bytes. */
export const BODY_JSON: StrictJsonRules = { maxDepth: 64, maxMembers: Number.MAX_SAFE_INTEGER }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/**
 * Parses JSON that every parser reads alike: UTF-8 without a byte order mark, no member twice in one object (RFC 8259
 * section 4 leaves open which one counts), none named `__proto__`, no number beyond a double. Objects come out frozen.
 * @param rules how much is read. @default 32 deep, 512 members: what a token holds
 * @throws AmbiguousJson, SyntaxError
 */
export function parseStrictJson(source: string | Uint8Array, rules: StrictJsonRules = TOKEN_RULES): unknown {
  const text = typeof source === 'string' ? source : decodeUtf8(source)
  const value: unknown = JSON.parse(text)
  const found = { members: 0, containers: 0 }
  freezeDeep(value, 0, rules, found)
  // Each member has one colon in the text. Of two with one name the parser keeps one, however they are spelled.
  if (countColons(text) !== found.members) throw new AmbiguousJson('a member occurs twice')
  return value
}

/** Whether a value out of JSON is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member that the object itself holds, never one of a prototype. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new SyntaxError('the text is not UTF-8')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

interface Found {
  members: number
  containers: number
}

function freezeDeep(value: unknown, depth: number, rules: StrictJsonRules, found: Found): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new AmbiguousJson('a number is too large')
  if (typeof value !== 'object' || value === null) return
  found.containers++
  if (Array.isArray(value)) {
    requireRoom(depth, rules, found)
    for (const entry of value) freezeDeep(entry, depth + 1, rules, found)
  } else {
    const members = Object.entries(value)
    found.members += members.length
    requireRoom(depth, rules, found)
    for (const [name, member] of members) {
      if (name === '__proto__') throw new AmbiguousJson('no member may be named __proto__')
      freezeDeep(member, depth + 1, rules, found)
    }
  }
  Object.freeze(value)
}

function requireRoom(depth: number, { maxDepth, maxMembers }: StrictJsonRules, { members, containers }: Found): void {
  if (depth >= maxDepth || members + containers > maxMembers) throw new AmbiguousJson('the JSON is too large')
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
