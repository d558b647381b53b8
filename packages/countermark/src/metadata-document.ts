import type { IncomingMessage } from 'node:http'
import { Misconfigured } from '@countermark/core'
import {
  custom,
  type FindOrigin,
  type GuardDescription,
  mergeResourceMetadata,
  optionTable,
  originOf,
  type ResourceMetadata,
  strings,
  text,
} from '@countermark/core/internal'
import type { MetadataOptions } from './countermark-options.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** Who this service is to issuers of tokens, and where it says so. */
export interface Resource {
  /** The identifier; `undefined`: the origin that is called. */
  readonly identifier: string | undefined
  /** The path of the document on our own origins. */
  readonly path: string
  /** The document's URL, or its path where every origin has its own. */
  readonly place: string
}

/** The document as it is sent. */
export interface MetadataAnswer {
  readonly status: 200 | 204
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The document that says what a service accepts (RFC 9728). */
export interface MetadataDocument {
  /** Adds what the checks of a guard accept. */
  readonly describe: (guard: GuardDescription) => void
  /** The answer to a request for the document, or to its CORS preflight; `undefined` for every other. */
  readonly find: (message: IncomingMessage, target: string) => MetadataAnswer | undefined
}

/**
 * Prepares the document of a service. It is open to all, browsers of other origins included: it says nothing that a
 * refusal does not say as well.
 * @throws {@link Misconfigured}
 */
export function createMetadataDocument(
  { identifier, path }: Resource,
  own: ResourceMetadata,
  findOrigin: FindOrigin,
): MetadataDocument {
  let members = own
  let written: { readonly resource: string; readonly answer: MetadataAnswer } | undefined
  return {
    describe: ({ checks }) => {
      members = mergeResourceMetadata([members, ...checks.map(({ metadata = {} }) => metadata)])
      written = undefined
    },
    find: (message, target) => {
      if (!isFor(path, target)) return undefined
      if (isPreflight(message)) return PREFLIGHT
      if (message.method !== 'GET' && message.method !== 'HEAD') return undefined
      const origin = originOf(message, findOrigin)
      if (origin === undefined) return undefined
      const resource = identifier ?? `${origin.scheme}://${origin.authority}`
      if (written?.resource !== resource) written = { resource, answer: write(resource, members) }
      return written.answer
    },
  }
}

function isFor(path: string, target: string): boolean {
  if (!target.startsWith(path)) return false
  return target.length === path.length || target[path.length] === '?'
}

/** How long clients and caches keep it: short enough for a deploy that changes it. */
const MAX_AGE_SECONDS = 300

function write(resource: string, members: ResourceMetadata): MetadataAnswer {
  // RFC 9728 section 3.2: members without values are left out.
  const stated = Object.entries(members).filter(([, value]) => !Array.isArray(value) || value.length > 0)
  const body = JSON.stringify({ resource, ...Object.fromEntries(stated) })
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': `public, max-age=${MAX_AGE_SECONDS}`,
    'Access-Control-Allow-Origin': '*',
  }
  return { status: 200, headers, body }
}

/** Fetch standard, CORS-preflight request. Scripts ask with fields of their own, such as `MCP-Protocol-Version`. */
function isPreflight({ method, headers }: IncomingMessage): boolean {
  const asked = headers['access-control-request-method']
  return method === 'OPTIONS' && headers.origin !== undefined && (asked === 'GET' || asked === 'HEAD')
}

const PREFLIGHT: MetadataAnswer = {
  status: 204,
  headers: {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'GET, HEAD',
    // All but Authorization: an open document has no use for it.
    'Access-Control-Allow-Headers': '*',
    'Access-Control-Max-Age': String(MAX_AGE_SECONDS),
  },
  body: '',
}

const METADATA = optionTable('metadata', {
  scopes: strings(),
  name: text(),
  documentation: custom(readPage),
  policy: custom(readPage),
  termsOfService: custom(readPage),
})

/**
 * What the service says of itself.
 * @throws {@link Misconfigured}
 */
export function readMetadataOptions(options: MetadataOptions): ResourceMetadata {
  const { scopes, name, documentation, policy, termsOfService } = METADATA.read(options, 'metadata.')
  return {
    ...(scopes && { scopes_supported: scopes }),
    ...(name && { resource_name: name }),
    ...(documentation && { resource_documentation: documentation }),
    ...(policy && { resource_policy_uri: policy }),
    ...(termsOfService && { resource_tos_uri: termsOfService }),
  }
}

function readPage(name: string, url: unknown): string | undefined {
  if (url === undefined) return undefined
  if (typeof url === 'string' && /^https?:\/\//.test(url) && URL.canParse(url)) return url
  throw invalid(`${name} must be the URL of a page`)
}

/**
 * Reads the option `resource`; the document's path is the well-known one with that of the resource behind (RFC 9728
 * section 3.1).
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function readResource(identifier: string | undefined, findOrigin: FindOrigin | undefined): Resource {
  if (identifier === undefined) return { identifier, path: WELL_KNOWN, place: WELL_KNOWN }
  const url = parse(identifier)
  const origin = findOrigin?.(url.host)
  if (findOrigin !== undefined && `${origin?.scheme}:` !== url.protocol) {
    throw invalid('resource must stand on one of origins: no other host can publish its metadata')
  }
  const path = url.pathname === '/' ? WELL_KNOWN : WELL_KNOWN + url.pathname
  return { identifier, path, place: url.origin + path }
}

function parse(identifier: string): URL {
  const isWritable =
    typeof identifier === 'string' && /^https?:\/\/[\x21\x24-\x3e\x40-\x5b\x5d-\x7e]+$/.test(identifier)
  const url = isWritable && URL.canParse(identifier) ? new URL(identifier) : undefined
  // Clients compare it as text (RFC 9728 section 3.3): one spelling only.
  if (url !== undefined && (url.href === identifier || url.href === `${identifier}/`)) return url
  throw invalid(
    'resource must be a URL as clients write it, without query and fragment, such as https://api.example.com/v1',
  )
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
