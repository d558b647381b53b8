import { type CapabilityContext, hasDotSegment, type IpNetworks, tryParseNetworks } from '@countermark/core/internal'
import type { ParseConstraint } from './constraint.ts'
import { tryParseTexts } from './lists.ts'

const LOCATION = /^(https?):\/\/([^/?#@\s]+)(\/[^?#\s]*)?$/

/** `identifier` of RFC 9396 section 2.2: the very thing that the route is about. */
export const sameIdentifier: ParseConstraint = (limit) => {
  if (typeof limit !== 'string') return undefined
  return ({ argument }) => {
    const found = argument('identifier')
    if (found.state === 'undeclared' || found.state === 'not-used') return found.state
    return found.state === 'present' && found.value === limit ? 'met' : 'violated'
  }
}

/** `locations` of RFC 9396 section 2.2: this service, as far as the path if one is given. */
export const atLocation: ParseConstraint = (limit) => {
  const locations = tryParseTexts(limit)
  if (locations === undefined) return undefined
  return ({ context }) => {
    if (context === undefined || hasDotSegment(context.path)) return 'violated'
    return locations.some((location) => isHere(location, context)) ? 'met' : 'violated'
  }
}

/** A detail about other places is not about this request. About this place it is unknown. */
export const elsewhere: ParseConstraint = (limit) => {
  const locations = tryParseTexts(limit)
  if (locations === undefined) return undefined
  return ({ context }) => {
    if (context !== undefined && hasDotSegment(context.path)) return 'unknown'
    return locations.some((location) => isHere(location, context)) ? 'unknown' : 'met'
  }
}

/** Whether a request goes to a location or below it. What is no absolute URL is nowhere. */
function isHere(location: string, context: CapabilityContext | undefined): boolean {
  const match = LOCATION.exec(location)
  if (match === null || context === undefined) return false
  const { origin, path } = context
  const [, scheme = '', authority = '', below = '/'] = match
  const defaultPort = scheme === 'http' ? /:80$/ : /:443$/
  if (`${scheme}://${authority.toLowerCase().replace(defaultPort, '')}` !== origin) return false
  return path === below || path.startsWith(below.endsWith('/') ? below : `${below}/`)
}

/** The caller's address lies in one of the networks. */
export const addressInside: ParseConstraint = (limit) => {
  const networks = networksOf(limit)
  return networks && (({ context }) => (isInside(networks, context?.remoteAddress) ? 'met' : 'violated'))
}

/** The caller's address is known and lies in none of the networks. */
export const addressOutside: ParseConstraint = (limit) => {
  const networks = networksOf(limit)
  if (networks === undefined) return undefined
  return ({ context }) => {
    const address = context?.remoteAddress
    return address !== undefined && !isInside(networks, address) ? 'met' : 'violated'
  }
}

function networksOf(limit: unknown): IpNetworks | undefined {
  const texts = tryParseTexts(limit)
  return texts && tryParseNetworks(texts)
}

function isInside(networks: IpNetworks, address: string | undefined): boolean {
  return address !== undefined && networks.contains(address)
}
