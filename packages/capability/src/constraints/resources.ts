import type { ConstraintCheck } from './constraint-check.ts'
import { findTexts } from './lists.ts'

const LOCATION = /^(https?):\/\/([^/?#@\s]+)(\/[^?#\s]*)?$/

/** `identifier` of RFC 9396 section 2.2: the very thing that the route is about. */
export const sameIdentifier: ConstraintCheck = (limit, { argument }) => {
  if (typeof limit !== 'string') return 'unknown'
  const found = argument('identifier')
  if (found.state === 'undeclared' || found.state === 'not-used') return found.state
  return found.state === 'present' && found.value === limit ? 'met' : 'violated'
}

/** `locations` of RFC 9396 section 2.2: this service, as far as the path if one is given. */
export const atLocation: ConstraintCheck = (limit, { origin, path }) => {
  const locations = findTexts(limit)
  if (locations === undefined) return 'unknown'
  return locations.some((location) => isHere(location, origin, path)) ? 'met' : 'violated'
}

/** Whether a request goes to a location or below it. What is no absolute URL is nowhere. */
export function isHere(location: string, origin: string | undefined, path: string | undefined): boolean {
  const match = LOCATION.exec(location)
  if (match === null || origin === undefined || path === undefined) return false
  const [, scheme = '', authority = '', below = '/'] = match
  const defaultPort = scheme === 'http' ? /:80$/ : /:443$/
  if (`${scheme}://${authority.toLowerCase().replace(defaultPort, '')}` !== origin) return false
  return path === below || path.startsWith(below.endsWith('/') ? below : `${below}/`)
}
