import { Refusal } from '@countermark/core'
import type { SignableMessage, SignableRequest } from './message.ts'
import { malformed } from './parse.ts'
import { parseQuery, readQueryParameter } from './query-parameters.ts'
import { readStructuredText, writeDictionary, writeMember } from './structured-text.ts'

/** How the value of a field is made (RFC 9421 sections 2.1 to 2.1.4). */
interface FieldParameters {
  /** `;sf` */
  readonly strict: boolean
  /** `;key="…"` */
  readonly member: string | undefined
  /** `;bs` */
  readonly wrapped: boolean
  /** `;tr` */
  readonly trailer: boolean
}

/** The types of Structured Fields, for `;sf`: without the type a field cannot be written canonically. */
export type FieldType = 'dictionary' | 'list' | 'item'

const DICTIONARIES = [
  ...['accept-signature', 'content-digest', 'priority', 'repr-digest', 'signature', 'signature-agent'],
  ...['signature-input', 'want-content-digest', 'want-repr-digest'],
]
const LISTS = ['cache-status', 'client-cert-chain', 'proxy-status']

function registeredType(name: string): FieldType | undefined {
  if (DICTIONARIES.includes(name)) return 'dictionary'
  if (LISTS.includes(name)) return 'list'
  return name === 'client-cert' ? 'item' : undefined
}

/** The reader of a field's value. `fieldTypes` adds to the types known here. */
export function fieldComponent(
  name: string,
  { strict, member, wrapped, trailer }: FieldParameters,
  fieldTypes: ReadonlyMap<string, FieldType>,
): ReadComponent {
  let write: Write = name === 'cookie' ? combineCookies : combine
  if (wrapped) write = wrapLines
  else if (member !== undefined) write = memberWriter(member)
  else if (strict) write = strictWriter(fieldTypes.get(name) ?? registeredType(name))
  return (message, parsed) => {
    const fields = trailer ? message.trailers : message.headers
    const lines = fields?.lines(name)
    if (lines !== undefined && lines.length > 0) return write(lines, parsed)
    throw new Refusal('signature_invalid', `the covered field ${name} is missing`)
  }
}

type Write = (lines: readonly string[], parsed: ParsedOnce) => string

function memberWriter(member: string): Write {
  return (lines, parsed) => {
    const value = dictionaryOf(lines, parsed).get(member)
    if (value !== undefined) return writeMember(value)
    throw new Refusal('signature_invalid', 'a covered dictionary member is missing')
  }
}

function strictWriter(type: FieldType | undefined): Write {
  return (lines, parsed) => {
    if (type === undefined) throw malformed('a field marked sf has no known type')
    return type === 'dictionary'
      ? writeDictionary(dictionaryOf(lines, parsed))
      : readStructuredText(combine(lines))[type]()
  }
}

function dictionaryOf(lines: readonly string[], parsed: ParsedOnce): ReadonlyMap<string, string> {
  parsed.dictionaries ??= new Map()
  return parseOnce(parsed.dictionaries, combine(lines), (text) => readStructuredText(text).dictionary())
}

function wrapLines(lines: readonly string[]): string {
  return lines.map((line) => `:${Buffer.from(unfold(line), 'latin1').toString('base64')}:`).join(', ')
}

function combine(lines: readonly string[]): string {
  return lines.length === 1 ? unfold(lines[0] as string) : lines.map(unfold).join(', ')
}

/**
 * RFC 9113 section 8.2.3: lines of a Cookie are parts of one value, joined as handlers read them. Joined by commas, one value
 * with a comma could be cut in two that mean something else.
 */
function combineCookies(lines: readonly string[]): string {
  return lines.length === 1 ? unfold(lines[0] as string) : lines.map(unfold).join('; ')
}

/** Removes optional white space around a value and obsolete line folding within (RFC 9421 section 2.1). */
function unfold(line: string): string {
  if (!line.includes('\n')) return trim(line)
  return trim(line.split('\n').map(continued).join(' '))
}

function continued(part: string, index: number): string {
  const isFolded = index === 0 || part.startsWith(' ') || part.startsWith('\t')
  if (!isFolded) throw malformed('a field value contains a line break')
  return trim(part.endsWith('\r') ? part.slice(0, -1) : part)
}

/** `String.prototype.trim` would also remove U+00A0 and its kin, which are content. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && (text[start] === ' ' || text[start] === '\t')) start++
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/** Reads one component's value from a message. @throws Refusal `signature_malformed`, `signature_invalid` */
export type ReadComponent = (message: SignableMessage, parsed: ParsedOnce) => string

const DEFAULT_PORT: Readonly<Record<SignableRequest['scheme'], string>> = { http: ':80', https: ':443' }

/** RFC 9421 sections 2.2.1 to 2.2.7. `@query-param` and `@status` have rules of their own. */
const REQUEST_COMPONENTS: ReadonlyMap<string, (request: SignableRequest) => string> = new Map([
  ['@method', (request) => request.method],
  ['@target-uri', targetUri],
  ['@authority', authority],
  ['@scheme', (request) => request.scheme],
  ['@request-target', (request) => request.target],
  ['@path', path],
  ['@query', query],
])

/**
 * The reader of a derived component, or `undefined` when there is none of that name (RFC 9421 section 2.2). A name that
 * starts with `@` is never looked up as a field (section 7.5.1).
 */
export function derivedComponent(name: string, parameterName: string | undefined): ReadComponent | undefined {
  if (name === '@status') return readStatus
  if (name === '@query-param') return queryParameter(parameterName)
  const read = REQUEST_COMPONENTS.get(name)
  return read === undefined ? undefined : (message) => read(requireRequest(message))
}

/** The request that a component without `;req` describes. */
function requireRequest(message: SignableMessage): SignableRequest {
  if ('status' in message) throw malformed('a component describes a request, but the message is a response')
  return message
}

function queryParameter(name: string | undefined): ReadComponent | undefined {
  if (name === undefined) return undefined
  return (message, parsed) => {
    parsed.queries ??= new Map()
    return readQueryParameter(parseOnce(parsed.queries, query(requireRequest(message)), parseQuery), name)
  }
}

function readStatus(message: SignableMessage): string {
  if (!('status' in message)) throw malformed('@status describes a response, but the message is a request')
  return String(message.status)
}

function authority({ authority: host, scheme }: SignableRequest): string {
  const lower = host.toLowerCase()
  const port = DEFAULT_PORT[scheme]
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower
}

function targetUri(request: SignableRequest): string {
  // RFC 9112 section 3.3: the target URI of `OPTIONS *` has neither path nor query.
  const target = request.target === '*' ? '' : originForm(request)
  return `${request.scheme}://${authority(request)}${target}`
}

function path(request: SignableRequest): string {
  const target = originForm(request)
  const end = target.indexOf('?')
  return end === -1 ? target : target.slice(0, end)
}

function query(request: SignableRequest): string {
  const target = originForm(request)
  const start = target.indexOf('?')
  return start === -1 ? '?' : target.slice(start)
}

/** An absolute-form target names a host of its own, which must never be believed. */
function originForm({ target }: SignableRequest): string {
  if (target.charCodeAt(0) === SLASH) return target
  if (target === '' || target.charCodeAt(0) === QUESTION_MARK) return `/${target}`
  throw malformed('path, query and target URI need a request-target in origin-form')
}

const SLASH = 0x2f
const QUESTION_MARK = 0x3f

/**
 * What is parsed while one signature base is written, by text. Thirty components may each read one member of the same
 * field: a caller must not make us parse it thirty times.
 */
export interface ParsedOnce {
  dictionaries?: Map<string, ReadonlyMap<string, string>>
  queries?: Map<string, ReadonlyMap<string, string | undefined>>
}

function parseOnce<Parsed>(known: Map<string, Parsed>, text: string, parse: (text: string) => Parsed): Parsed {
  const before = known.get(text)
  if (before !== undefined) return before
  const parsed = parse(text)
  known.set(text, parsed)
  return parsed
}
