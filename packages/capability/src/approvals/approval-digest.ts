import { hash } from 'node:crypto'
import { BODY_JSON, canonicalJson, parseStrictJson } from '@countermark/core/internal'
import { isJsonType } from '../arguments/read-arguments.ts'

/** A request as it is approved: who sends what, for whom. */
export interface ApprovalRequest {
  /** The agent that asks. */
  readonly agentId: string
  /** For whom the agent acts, and who says so; `undefined` for an agent that acts for itself. */
  readonly subject: { readonly issuer: string; readonly id: string } | undefined
  /** The HTTP method. */
  readonly method: string
  /** Scheme, authority, path and query, exactly as sent: `https://api.example.com/refunds?dry=1`. */
  readonly url: string
  /** `Content-Type`; `undefined` without content. */
  readonly contentType: string | undefined
  /** @default none */
  readonly contentEncoding?: string | undefined
  /** As transferred. */
  readonly body: Uint8Array
}

/**
 * What a ticket is for, in 43 characters: the SHA-256 of the canonical JSON (RFC 8785) of the request. Two spellings of one
 * JSON body are one request; any other body counts byte for byte, and so does JSON with a number that a double does not hold.
 */
export function approvalDigest(request: ApprovalRequest): string {
  const statement = { statement: 'approval-request-2', ...operationOf(request) }
  return sha256(canonicalJson({ ...statement, ...contentOf(request) }))
}

/**
 * What a standing approval is for, in 43 characters: the same without the content, so that amounts in it may differ. Method,
 * URL with query, kind of content, agent and user stay as they were approved.
 */
export function operationDigest(request: Omit<ApprovalRequest, 'body'>): string {
  const statement = { statement: 'approval-operation-1', ...operationOf(request) }
  return sha256(canonicalJson({ ...statement, ...typeOf(request) }))
}

function operationOf(request: Omit<ApprovalRequest, 'body'>): Readonly<Record<string, string | null>> {
  const { agentId, subject, method, url } = request
  return { agent_id: agentId, issuer: subject?.issuer ?? null, subject: subject?.id ?? null, method, url }
}

/** The type counts as well: the same JSON is a different order as `application/merge-patch+json`. */
function typeOf({
  contentType,
  contentEncoding,
}: Omit<ApprovalRequest, 'body'>): Readonly<Record<string, string | null>> {
  return { content_type: contentType ?? null, content_encoding: contentEncoding ?? null }
}

function contentOf(request: ApprovalRequest): Readonly<Record<string, string | null>> {
  const { body, contentType, contentEncoding } = request
  const type = typeOf(request)
  if (body.length === 0) return type
  const json = isJsonType(contentType) && contentEncoding === undefined ? canonicalText(body) : undefined
  return json === undefined ? { ...type, content_sha256: sha256(body) } : { ...type, json_sha256: sha256(json) }
}

/** The canonical text of a JSON body; `undefined` when it is none that has one. */
function canonicalText(body: Uint8Array): string | undefined {
  try {
    const value = parseStrictJson(body, BODY_JSON)
    return hasOnlyExactNumbers(Buffer.from(body).toString('utf8')) ? canonicalJson(value) : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'base64url')
}

const TEXT_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*/g

/**
 * Whether every number in JSON text has the value that a double gives it. One that has not, such as 9007199254740993, is read
 * as another number by one parser and exactly by the next.
 */
export function hasOnlyExactNumbers(json: string): boolean {
  for (const [part] of json.matchAll(TEXT_OR_NUMBER)) {
    if (!part.startsWith('"') && decimalOf(part) !== decimalOf(String(Number(part)))) return false
  }
  return true
}

/** Significant digits and exponent: one text for each value, however it is written. */
function decimalOf(number: string): string {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = whole + fraction
  let first = 0
  while (digits[first] === '0') first++
  let end = digits.length
  while (end > first && digits[end - 1] === '0') end--
  if (first === end) return '0'
  const sign = mantissa.startsWith('-') ? '-' : ''
  return `${sign}${digits.slice(first, end)}e${Number(exponent) - fraction.length + digits.length - end}`
}
