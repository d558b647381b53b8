import { Misconfigured } from '@countermark/core'
import { requireObject } from '@countermark/core/internal'
import { isRestriction, tryParseScope } from './scope.ts'

/** Other names of scopes: what is written, and what is meant. One `*` on the left is part of a segment, or all of it. */
export type ScopeAliases = Readonly<Record<string, string>>

/** Gives a scope the name by which it is compared. */
export type RenameScope = (name: string) => string

/** Names that begin with the action, and dotted ones: `read:customer_records`, `pr.create`. */
export const ACTION_FIRST: ScopeAliases = {
  'read:*': '*:read',
  'write:*': '*:write',
  'call:*': '*:call',
  'escalate:*': '*:escalate',
  '*.create': '*:create',
  '*.read': '*:read',
  '*.update': '*:update',
  '*.delete': '*:delete',
}

const MAX_ALIASES = 256

interface Alias {
  readonly pattern: RegExp
  readonly meant: string
}

/**
 * Compiles aliases, the first that fits decides, and each name is renamed once at most.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function compileAliases(aliases: ScopeAliases): RenameScope {
  requireObject('aliases', aliases)
  const exact = new Map<string, string>()
  const patterns: Alias[] = []
  for (const [written, meant] of Object.entries(aliases)) {
    requireAlias(written, meant)
    if (written.includes('*')) patterns.push({ pattern: patternOf(written), meant })
    else exact.set(written, meant)
  }
  if (exact.size + patterns.length > MAX_ALIASES) throw invalid(`aliases has at most ${MAX_ALIASES} entries`)
  if (exact.size + patterns.length === 0) return (name) => name
  return (name) => exact.get(name) ?? renameByPattern(name, patterns)
}

function renameByPattern(name: string, patterns: readonly Alias[]): string {
  for (const { pattern, meant } of patterns) {
    const match = pattern.exec(name)
    if (match !== null) return meant.replace('*', () => match[1] ?? '*')
  }
  return name
}

/** `*` takes one character at least and never a colon: an alias cannot move what a segment is. */
function patternOf(written: string): RegExp {
  const [before = '', after = ''] = written.split('*').map((part) => part.replace(/[.+$/]/g, '\\$&'))
  return new RegExp(`^${before}([^:]+)${after}$`)
}

function requireAlias(written: string, meant: string): void {
  const wildcards = (text: string): number => text.split('*').length - 1
  const readable = typeof meant === 'string' && [written, meant].every((text) => tryParseScope(text.replace('*', 'x')))
  if (!readable || isRestriction(meant)) throw invalid('aliases maps names of scopes to scopes, such as pr.create')
  if (wildcards(written) > 1 || wildcards(meant) > wildcards(written)) {
    throw invalid('an alias has one * at most on the left, and on the right no more than on the left')
  }
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
