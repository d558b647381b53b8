import { Refusal } from '@countermark/core'
import type { ParseOnce } from './parse-once.ts'
import { readQueryParameter } from './query-parameter.ts'
import { isSignableResponse, type SignableMessage, type SignableRequest } from './signable-message.ts'

/** Reads one component's value from a message. @throws Refusal `signature_malformed`, `signature_invalid` */
export type ReadComponent = (message: SignableMessage, parse: ParseOnce) => string

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
export function requireRequest(message: SignableMessage): SignableRequest {
  if (isSignableResponse(message)) throw malformed('a component describes a request, but the message is a response')
  return message
}

function queryParameter(name: string | undefined): ReadComponent | undefined {
  if (name === undefined) return undefined
  return (message, parse) => readQueryParameter(parse.query(query(requireRequest(message))), name)
}

function readStatus(message: SignableMessage): string {
  if (!isSignableResponse(message)) throw malformed('@status describes a response, but the message is a request')
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

function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}
