import type { HeaderField } from '@countermark/core'

/** A request as plain values: what is signed, what is sent and what a guard is asked about have this shape. */
export interface PlainRequest {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** Lower-case, without a default port. */
  readonly authority: string
  /** The request-target in origin-form, byte for byte. */
  readonly target: string
  /** Every field line in order; a name may occur more than once. */
  readonly headerLines: readonly HeaderField[]
  readonly body: Uint8Array | undefined
}

/** A request as a test writes it. Give a `url`, or an `authority` and a `target`. */
export interface RequestInput {
  /** @default 'GET', or 'POST' when there is a body */
  readonly method?: string
  /** Cut into pieces as it stands: nothing is resolved, decoded or re-encoded. */
  readonly url?: string
  /** @default 'https' */
  readonly scheme?: 'http' | 'https'
  /** @default 'api.example.com' */
  readonly authority?: string
  /** @default '/' */
  readonly target?: string
  readonly headers?: Readonly<Record<string, string>> | readonly HeaderField[]
  /** Text is sent as UTF-8. */
  readonly body?: string | Uint8Array | undefined
}

const URL_PARTS = /^(https?):\/\/([^/?#]+)([^#]*)/

/** Fills in what a test left out. */
export function toPlainRequest(input: RequestInput): PlainRequest {
  const { url, body } = input
  const [scheme, authority, target] = url === undefined ? [] : splitUrl(url)
  return {
    method: input.method ?? (body === undefined ? 'GET' : 'POST'),
    scheme: input.scheme ?? scheme ?? 'https',
    authority: input.authority ?? authority ?? 'api.example.com',
    target: input.target ?? target ?? '/',
    headerLines: toHeaderLines(input.headers ?? []),
    body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
  }
}

/** Field lines of a record or of a list of pairs. */
export function toHeaderLines(headers: NonNullable<RequestInput['headers']>): readonly HeaderField[] {
  return isHeaderList(headers) ? headers : Object.entries(headers)
}

function isHeaderList(headers: NonNullable<RequestInput['headers']>): headers is readonly HeaderField[] {
  return Array.isArray(headers)
}

function splitUrl(url: string): readonly ['http' | 'https', string, string] {
  const match = URL_PARTS.exec(url)
  if (match === null) throw new TypeError('url must be absolute, such as https://api.example.com/orders?page=2')
  const scheme = match[1] === 'http' ? 'http' : 'https'
  const defaultPort = scheme === 'http' ? /:80$/ : /:443$/
  const authority = (match[2] ?? '').toLowerCase().replace(defaultPort, '')
  const rest = match[3] ?? ''
  return [scheme, authority, rest.startsWith('/') ? rest : `/${rest}`]
}
