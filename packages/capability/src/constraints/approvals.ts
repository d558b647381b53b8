import { overlapsSegments } from '../covers-scope.ts'
import { findScope } from '../scope.ts'
import type { ConstraintCheck } from './constraint-check.ts'
import { findTexts } from './lists.ts'

/**
 * A human has to agree to what is listed: scopes such as `refunds:*`, words that the route gives as `operation`, or `*` for
 * everything.
 */
export const approvalFor: ConstraintCheck = (limit, { wanted, argument, rename }) => {
  const words = findTexts(typeof limit === 'string' ? [limit] : limit)
  if (words === undefined) return 'unknown'
  const operation = argument('operation')
  if (operation.state === 'absent') return 'violated'
  const isListed = (word: string): boolean => {
    if (word === '*' || (operation.state === 'present' && operation.value === word)) return true
    const scope = findScope(word, rename)
    return scope !== undefined && overlapsSegments(scope.segments, wanted.segments)
  }
  return words.some(isListed) ? 'approval' : 'met'
}
