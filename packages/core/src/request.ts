import type { ProofFact } from './facts.ts'
import type { HeaderFields } from './header-fields.ts'

/** The route that handles a request. Unknown while `app.use` runs; a template such as `/orders/:id` once routed. */
export interface RouteInfo {
  readonly template: string | undefined
  readonly parameters: Readonly<Record<string, string>>
}

/** A request as it came over the wire, framework-free. */
export interface AgentRequest {
  /** The method as sent; methods are case-sensitive (RFC 9110 section 9.1). */
  readonly method: string
  /** The request-target in origin-form, byte for byte as sent, mounts and prefixes included (RFC 9112 section 3.2.1). */
  readonly target: string
  /** The target up to its `?`. */
  readonly path: string
  /** The query with its leading `?`; `undefined` when the target has no `?`. */
  readonly query: string | undefined
  /** By which scheme the agent called, from the configured origins. */
  readonly scheme: 'http' | 'https'
  /** The configured authority that the request names: lower-case, without a default port. Never an unchecked Host. */
  readonly authority: string
  /** The header fields, line by line. */
  readonly headers: HeaderFields
  /** The caller's address: the socket's, or the one that a trusted proxy reports. `undefined` when it is not an IP address. */
  readonly remoteAddress: string | undefined
  /** Whether content follows: Content-Length above zero or Transfer-Encoding. */
  readonly hasBody: boolean
  /** Content-Length when stated. */
  readonly contentLength: number | undefined
  /**
   * The content as transferred, before any decoding; empty when there is none. Available at once when it already came. Say
   * `proven` where a proof of the caller has held: bodies of others make room first.
   * @throws Refusal `body_too_large`, `request_malformed` when the connection ends early or the body takes too long
   */
  readonly body: (caller?: 'proven') => Uint8Array | Promise<Uint8Array>
  /** Where the request was routed, read when asked. */
  readonly route: () => RouteInfo
  /** The framework's own request: the identity by which facts are kept. */
  readonly raw: object
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether a method only reads (RFC 9110 section 9.2.1). TRACE does too, but no application needs it unsigned. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method)
}

const DOT_SEGMENT = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=$|[/\\;]|%2f|%5c|%3b)/i

/**
 * Whether a path has `.` or `..` as a segment, also an encoded one (RFC 3986 section 5.2.4): a router behind may resolve it
 * and so serve another place than the one that was judged.
 */
export function hasDotSegment(path: string): boolean {
  return DOT_SEGMENT.test(path)
}

/** Fields by which frameworks let a request be another method than it says. */
const OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override'] as const

/**
 * A field that overrides the method and that no proof covers: the method that was judged would not be the one that is
 * executed. Tokens, DPoP proofs and the simple forms cover none.
 */
export function findUncoveredOverride({ headers }: AgentRequest, proof: ProofFact | undefined): string | undefined {
  for (const name of OVERRIDES) if (headers.has(name) && proof?.covers(name) !== true) return name
  return undefined
}
