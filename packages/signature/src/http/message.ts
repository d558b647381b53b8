import type { HeaderFields } from '@countermark/core/internal'

/** A request as a signature sees it. An `AgentRequest` is one. */
export interface SignableRequest {
  /** As sent; methods are case-sensitive. */
  readonly method: string
  /** As the signer means it, `https` for TLS. */
  readonly scheme: 'http' | 'https'
  /** Host, with a port where it is not the scheme's default. */
  readonly authority: string
  /** The request-target, byte for byte. */
  readonly target: string
  /** The header fields. */
  readonly headers: HeaderFields
  /** The trailer fields. @default none */
  readonly trailers?: HeaderFields
}

/** A response as a signature sees it, with the request it answers for components marked `;req` (RFC 9421 section 2.4). */
export interface SignableResponse {
  /** The HTTP status. */
  readonly status: number
  /** The header fields. */
  readonly headers: HeaderFields
  /** The trailer fields. @default none */
  readonly trailers?: HeaderFields
  /** The request that it answers: for components with `;req`. @default none can be covered */
  readonly request?: SignableRequest
}

/** What RFC 9421 signs. */
export type SignableMessage = SignableRequest | SignableResponse
