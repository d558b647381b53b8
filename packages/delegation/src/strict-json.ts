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

/** Strings and the structure around them; whatever else there is, JSON.parse has accepted. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]]/g

/** Walks through text that is known to be JSON. A string is a member's name iff a colon follows. */
function checkMembers(text: string, rules: StrictJsonRules): void {
  const open: Set<string>[] = []
  let members = 0
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0]
    const isOpening = token === '{' || token === '['
    const isMember = token.startsWith('"') && isName(text, match.index + token.length)
    if (isOpening) open.push(new Set())
    else if (isMember) addName(open.at(-1), token)
    else if (token === '}' || token === ']') open.pop()
    if (isOpening || isMember) members++
    if (open.length > rules.maxDepth || members > rules.maxMembers) throw new AmbiguousJson('the JSON is too large')
  }
}

function isName(text: string, from: number): boolean {
  let index = from
  while (SPACE.has(text.charCodeAt(index))) index++
  return text.charCodeAt(index) === 0x3a
}

const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

function addName(names: Set<string> | undefined, token: string): void {
  // Two spellings of one name are one name.
  const name = token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1)
  if (name === '__proto__') throw new AmbiguousJson('no member may be named __proto__')
  if (names?.has(name) === true) throw new AmbiguousJson('a member occurs twice')
  names?.add(name)
}

function freezeDeep(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new AmbiguousJson('a number is too large')
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) freezeDeep(member)
  return Object.freeze(value)
}
