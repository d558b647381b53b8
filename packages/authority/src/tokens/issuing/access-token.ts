import type { JsonObject } from '@countermark/core/internal'
import type { Binding } from '../binding/proof-of-possession.ts'
import type { Detail } from '../narrowing/details.ts'
import { writeDetails } from '../narrowing/details.ts'
import type { StatusPlace } from '../status-list/status-places.ts'

/** Who acts, and who acted before (RFC 8693 section 4.1). */
export interface Act {
  readonly sub: string
  readonly iss: string
  readonly sub_profile: 'ai_agent'
  readonly act?: JsonObject
}

/** What a token says, before it has an id and a place. */
export interface TokenContent {
  readonly subject: string
  readonly subjectProfile: 'user' | 'ai_agent' | 'service'
  /** `undefined` when the subject acts for itself. */
  readonly act: Act | undefined
  readonly agentId: string
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  readonly details: readonly Detail[]
  /** What limits everything the agent does, by agent: entries of `authorization_details` that must all hold. */
  readonly limits: readonly JsonObject[]
  readonly binding: Binding
  /** Networks of the subject's token, kept as they are. */
  readonly restrictip: unknown
}

/** When and where a token stands. Times are Unix seconds. */
export interface TokenPlace {
  readonly issuer: string
  readonly tokenId: string
  readonly chainId: string
  readonly issuedAt: number
  readonly expiresAt: number
  readonly status: StatusPlace
}

/** The claims of a delegation token (docs/protocol/delegation-token.md). */
export function toClaims(content: TokenContent, place: TokenPlace): JsonObject {
  const { audiences, details, limits, act, restrictip } = content
  const [audience, ...more] = audiences
  const entries = [...writeDetails(details), ...limits]
  return {
    iss: place.issuer,
    sub: content.subject,
    sub_profile: content.subjectProfile,
    aud: more.length === 0 ? audience : audiences,
    client_id: content.agentId,
    iat: place.issuedAt,
    exp: place.expiresAt,
    jti: place.tokenId,
    scope: content.scopes.join(' '),
    ...(act === undefined ? {} : { act }),
    cnf: content.binding.confirmation,
    ...(entries.length === 0 ? {} : { authorization_details: entries }),
    ...(restrictip === undefined ? {} : { restrictip }),
    txn: place.chainId,
    status: { status_list: { idx: place.status.index, uri: statusListUri(place.issuer, place.status.listId) } },
  }
}

/** Where a status list is fetched. */
export function statusListUri(issuer: string, listId: number): string {
  return `${issuer.replace(/\/$/, '')}/status/${listId}`
}
