import { overlapsSegments } from '../covers-scope.ts'
import { findScope } from '../scope.ts'
import type { ReadLimit } from './constraint-check.ts'
import { findTexts } from './lists.ts'

/**
 * A human has to agree to what is listed: scopes such as `refunds:*`, words that the route gives as `operation`, or `*` for
 * everything.
 */
export const approvalFor: ReadLimit = (limit, { rename }) => {
  const words = findTexts(typeof limit === 'string' ? [limit] : limit)
  if (words === undefined) return undefined
  const scopes = words.map((word) => findScope(word, rename)?.segments).filter((segments) => segments !== undefined)
  return ({ wanted, argument }) => {
    const operation = argument('operation')
    if (operation.state === 'absent') return 'violated'
    const isNamed = operation.state === 'present' && words.some((word) => word === operation.value)
    const isListed = scopes.some((segments) => overlapsSegments(segments, wanted.segments))
    return isNamed || isListed || words.includes('*') ? 'approval' : 'met'
  }
}
