import type { ServerResponse } from 'node:http'
import type { JsonObject } from '@countermark/core/internal'
import type { OAuthError } from '../oauth-error.ts'

/** What is answered. */
export interface Answer {
  readonly status: number
  /** A field that occurs several times has several values. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string
}

const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' }
const JSON_TYPE = { 'content-type': 'application/json' }

/** JSON that nothing keeps: it holds tokens, or says what is true now (RFC 6749 section 5.1). */
export function secretJson(value: JsonObject, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: 200, headers: { ...JSON_TYPE, ...NO_STORE, ...headers }, body: JSON.stringify(value) }
}

/** JSON for everybody. */
export function publicJson(value: JsonObject, maxAgeSeconds: number): Answer {
  return {
    status: 200,
    headers: { ...JSON_TYPE, 'cache-control': `public, max-age=${maxAgeSeconds}`, 'access-control-allow-origin': '*' },
    body: JSON.stringify(value),
  }
}

/** An error as RFC 6749 section 5.2 has it. */
export function errorAnswer(
  error: OAuthError,
  challenge: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const retry = error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) }
  const authenticate = error.status === 401 && challenge !== undefined ? { 'www-authenticate': challenge } : {}
  return {
    status: error.status,
    headers: { ...JSON_TYPE, ...NO_STORE, ...retry, ...authenticate, ...headers },
    body: JSON.stringify({ error: error.code, error_description: error.message }),
  }
}

/** Writes an answer. */
export function writeAnswer(response: ServerResponse, { status, headers, body }: Answer, isHead: boolean): void {
  if (response.headersSent) return
  const length = Buffer.byteLength(body)
  response.statusCode = status
  for (const [name, value] of Object.entries({ 'x-content-type-options': 'nosniff', ...headers }))
    response.setHeader(name, value)
  response.setHeader('content-length', length)
  response.end(isHead ? undefined : body)
}
