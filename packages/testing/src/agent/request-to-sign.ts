import type { HeaderField } from '@countermark/core'

/** A covered component as it is written in a test: `content-type`, `@path`, `@query-param;name="page"`, `x-list;bs`. */
export type ComponentIdentifier = string

/** The ways a test agent signs: RFC 9421, the simple header scheme, and its oldest form. */
export type SigningForm = 'httpsig' | 'simple-v1' | 'simple-v0'

/** What the agent does wrong on purpose. Everything happens after honest values were computed. */
export interface Tampering {
  /** Changes the bytes that are signed; what is sent stays as it was. */
  readonly base?: (base: string) => string
  /** Changes or replaces the signature. */
  readonly signature?: (signature: Uint8Array) => Uint8Array
  /** Changes the `Signature-Input` that is sent; the signature stays as it was. */
  readonly signatureInput?: (value: string) => string
  /** Changes the field lines that are sent. */
  readonly headerLines?: (lines: readonly HeaderField[]) => readonly HeaderField[]
  /** Parts of the request that are sent instead of those that were signed. */
  readonly sent?: Partial<Pick<PlainRequest, 'method' | 'target' | 'authority' | 'scheme' | 'body'>>
}

/** A request and how to sign it. `null` leaves a parameter out. */
export interface RequestToSign extends RequestInput {
  /** @default 'httpsig' */
  readonly form?: SigningForm
  /** Unix seconds. @default now */
  readonly created?: number | null
  /** Unix seconds. @default created + 60 */
  readonly expires?: number | null
  /** @default 16 random bytes, base64url */
  readonly nonce?: string | null
  /** @default the agent's key id; for the simple forms nothing */
  readonly keyId?: string | null
  /** @default 'agent-auth' */
  readonly tag?: string | null
  /** The `alg` parameter. @default null */
  readonly alg?: string | null
  /** @default 'sig1' */
  readonly label?: string
  /** @default method, authority, path, query, digest and every sensitive field that is present */
  readonly components?: readonly ComponentIdentifier[]
  /** The algorithm of `Content-Digest`; `null` sends none. @default 'sha-256' */
  readonly digest?: 'sha-256' | 'sha-512' | null
  /** The value of `Agent-ID`; `null` sends none. @default the agent's id */
  readonly agentId?: string | null
  /** What the agent does wrong on purpose. @default nothing */
  readonly tamper?: Tampering
}

/** A signed request, ready for supertest, `fetch` or a raw socket. */
export interface SignedRequest extends PlainRequest {
  /** The field lines as a record; lines of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** The whole URL. */
  readonly url: string
  /** The body as text: `supertest` would serialise a buffer again. */
  readonly bodyText: string | undefined
  /** The exact bytes that were signed. */
  readonly base: Uint8Array
  /** The signature over `base`. */
  readonly signature: Uint8Array
}

/** A request as plain values: what is signed, what is sent and what a guard is asked about have this shape. */
export interface PlainRequest {
  /** The HTTP method. */
  readonly method: string
  /** The scheme of the URL. */
  readonly scheme: 'http' | 'https'
  /** Lower-case, without a default port. */
  readonly authority: string
  /** The request-target in origin-form, byte for byte. */
  readonly target: string
  /** Every field line in order; a name may occur more than once. */
  readonly headerLines: readonly HeaderField[]
  /** The content; `undefined` when there is none. */
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
  /** Header fields, as a record or line by line. @default none */
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
function toHeaderLines(headers: NonNullable<RequestInput['headers']>): readonly HeaderField[] {
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
