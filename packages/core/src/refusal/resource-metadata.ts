import type { JsonValue } from '../internal/canonical-json.ts'
import { Misconfigured } from '../misconfigured.ts'
import type { AgentRequest } from '../request.ts'

/** Members of the document that says what a service accepts (RFC 9728 section 2). */
export type ResourceMetadata = Readonly<Record<string, JsonValue>>

/**
 * Puts together what several checks say of themselves: lists are united, objects merged member by member, and of anything
 * else the first word stands.
 */
export function mergeResourceMetadata(parts: readonly ResourceMetadata[]): ResourceMetadata {
  return parts.reduce(mergeMembers, {})
}

/** The URL of the document for the caller of this request; a place that begins with `/` is on each of our origins. */
export function metadataUrl(place: string, { scheme, authority }: Pick<AgentRequest, 'scheme' | 'authority'>): string {
  return place.startsWith('/') ? `${scheme}://${authority}${place}` : place
}

/**
 * Validates where the document stands: a URL, or a path on each of our origins. It is written between quotes.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireMetadataPlace(name: string, place: string | undefined): string | undefined {
  if (place === undefined) return undefined
  const isWritable = typeof place === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(place)
  if (isWritable && (/^\/(?!\/)/.test(place) || (/^https?:\/\//.test(place) && URL.canParse(place)))) return place
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be the URL of a document, or its path on our own origin`)
}

function mergeMembers(merged: ResourceMetadata, part: ResourceMetadata): ResourceMetadata {
  const added = Object.entries(part).map(
    ([name, value]) => [name, mergeValues(ownMember(merged, name), value)] as const,
  )
  return { ...merged, ...Object.fromEntries(added) }
}

function ownMember(members: ResourceMetadata, name: string): JsonValue | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

function mergeValues(first: JsonValue | undefined, second: JsonValue): JsonValue {
  if (first === undefined) return second
  if (Array.isArray(first) && Array.isArray(second)) return [...new Set([...first, ...second])]
  return isMembers(first) && isMembers(second) ? mergeMembers(first, second) : first
}

function isMembers(value: JsonValue): value is ResourceMetadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
