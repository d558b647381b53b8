import { type AgentRequest, Misconfigured, type ProofFact, Refusal } from '@countermark/core'
import { fillParameters, parametersOf } from '../scopes/parameters.ts'

/**
 * A value as a constraint meets it. `undeclared`: the route says nothing of it. `not-used`: the route says that it has none.
 * `absent`: the route has it, and this request does not, or not readably.
 */
export type Argument =
  | { readonly state: 'present'; readonly value: unknown; readonly isText: boolean }
  | { readonly state: 'absent' | 'undeclared' | 'not-used' }

/** What values are read from. */
export interface ArgumentInput {
  readonly request: AgentRequest
  readonly proof: ProofFact | undefined
  /** The body as JSON; `undefined` when parsers may read it differently. */
  readonly document: () => { readonly root: unknown } | undefined
}

/** Where a request has a value that a grant may limit. Never in a header field. */
export interface ArgumentSource {
  readonly needsBody: boolean
  readonly read: (input: ArgumentInput) => Argument
}

/** A value of the JSON body, by JSON pointer: of the bytes that the digest covered, not of what a parser made of them. */
export function body(pointer: string): ArgumentSource {
  const tokens = parsePointer(pointer)
  return {
    needsBody: true,
    read: ({ proof, document }) => {
      const read = document()
      const value = read && findByPointer(read.root, tokens)
      if (value === undefined) return { state: 'absent' }
      requireCovered(proof, 'content-digest')
      return { state: 'present', value, isText: false }
    },
  }
}

/** A parameter of the query, where it stands exactly once. */
export function query(name: string): ArgumentSource {
  requireName('query', name)
  return {
    needsBody: false,
    read: ({ request, proof }) => {
      const found = textArgument(findQueryValue(request.query, name))
      if (found.state === 'present') requireCovered(proof, '@query', '@target-uri')
      return found
    },
  }
}

/** A parameter of the route's path, as the framework decodes it. */
export function param(name: string): ArgumentSource {
  requireName('param', name)
  return {
    needsBody: false,
    read: ({ request, proof }) => {
      requireCovered(proof, '@path', '@target-uri')
      return textArgument(parameterOf(request, name))
    },
  }
}

/**
 * Says that a route has no such value, so that a constraint of everything the agent does, such as `max_amount`, is not about
 * this route. It takes nothing from a grant for this very action.
 */
export function notUsed(): ArgumentSource {
  return { needsBody: false, read: () => ({ state: 'not-used' }) }
}

/** What a value always is on a route; `order:{order}` takes a parameter of the route, in so far as it is a plain name. */
export function fixedText(text: string): ArgumentSource {
  const isConstant = parametersOf(text).length === 0
  return {
    needsBody: false,
    read: ({ request, proof }) => {
      if (isConstant) return textArgument(text)
      requireCovered(proof, '@path', '@target-uri')
      return textArgument(fillText(text, request))
    },
  }
}

/** One value that cannot be filled in makes the whole text none. */
function fillText(text: string, request: AgentRequest): string | undefined {
  let isReadable = true
  const filled = fillParameters(text, request.route().parameters, () => {
    isReadable = false
    return ''
  })
  return isReadable ? filled : undefined
}

function parameterOf(request: AgentRequest, name: string): string | undefined {
  const { parameters } = request.route()
  return Object.hasOwn(parameters, name) ? parameters[name] : undefined
}

/** RFC 9421 section 7.2.1: what the caller's signature does not cover is not what the caller said. */
function requireCovered(proof: ProofFact | undefined, ...components: readonly string[]): void {
  if (proof === undefined || components.some((component) => proof.covers(component))) return
  throw new Refusal('coverage_insufficient', `the signature must also cover ${components[0]}`)
}

function textArgument(value: string | undefined): Argument {
  return value === undefined ? { state: 'absent' } : { state: 'present', value, isText: true }
}

function requireName(source: string, name: string): void {
  if (typeof name === 'string' && name !== '') return
  throw new Misconfigured('ERR_OPTION_INVALID', `${source}(…) takes the name of a parameter`)
}

const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/
const INDEX = /^(?:0|[1-9][0-9]{0,8})$/

/**
 * Reads a JSON pointer such as `/order/amount` (RFC 6901).
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function parsePointer(text: string): readonly string[] {
  if (typeof text !== 'string' || !POINTER.test(text)) {
    throw new Misconfigured('ERR_OPTION_INVALID', "body(…) takes a JSON pointer such as '/amount'")
  }
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** What a pointer points to; `undefined` when there is no such thing. Nothing is found on a prototype. */
export function findByPointer(root: unknown, tokens: readonly string[]): unknown {
  let value = root
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null) return undefined
    if (Array.isArray(value) && !INDEX.test(token)) return undefined
    if (!Object.hasOwn(value, token)) return undefined
    value = Reflect.get(value, token)
  }
  return value
}

const MAX_PARAMETERS = 256

/**
 * The value of a query parameter, decoded; `undefined` when it is absent, or written so that two readers may disagree:
 * more than once, as a list (`name[]`) or object (`name[a]`, `name.a`, `[name]`), or with broken percent-encoding anywhere.
 */
export function findQueryValue(query: string | undefined, name: string): string | undefined {
  const pairs = (query ?? '').slice(1).split('&')
  if (pairs.length > MAX_PARAMETERS) return undefined
  const found: string[] = []
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    const key = decode(equals < 0 ? pair : pair.slice(0, equals))
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1))
    if (key === undefined || value === undefined || isVariantOf(key, name)) return undefined
    if (key === name) found.push(value)
  }
  return found.length === 1 ? found[0] : undefined
}

/** What a parser that knows lists and objects reads as this parameter, too. */
function isVariantOf(key: string, name: string): boolean {
  if (key.startsWith(`[${name}`)) return true
  return key.startsWith(name) && /^[[\].]/.test(key.slice(name.length))
}

/** As forms are decoded: `+` is a space. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined // the only error is broken percent-encoding
  }
}
