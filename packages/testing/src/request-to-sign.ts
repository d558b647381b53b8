import type { HeaderField } from '@countermark/core'
import type { ComponentIdentifier } from './component-value.ts'
import type { PlainRequest, RequestInput } from './plain-request.ts'

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
  readonly tamper?: Tampering
}

/** A signed request, ready for supertest, `fetch` or a raw socket. */
export interface SignedRequest extends PlainRequest {
  /** The field lines as a record; lines of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly url: string
  /** The body as text: `supertest` would serialise a buffer again. */
  readonly bodyText: string | undefined
  /** The exact bytes that were signed. */
  readonly base: Uint8Array
  readonly signature: Uint8Array
}
