import { Misconfigured } from '@countermark/core'
import { requireObject, requireStrings } from '@countermark/core/internal'
import type { RenameScope } from './scope-aliases.ts'
import { parseScopeTemplate, type ScopeTemplate } from './scope-template.ts'

/** What a route asks for: one scope, one of several, or all of several. */
export type WantedScopes = string | { readonly anyOf: readonly string[] } | { readonly allOf: readonly string[] }

const MAX_WANTED = 16

/**
 * Reads what a route asks for, as alternatives: all scopes of one of them must be covered.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function compileWanted(wanted: WantedScopes, rename: RenameScope): readonly (readonly ScopeTemplate[])[] {
  const read = (text: string): ScopeTemplate => parseScopeTemplate(text, rename)
  if (typeof wanted === 'string') return [[read(wanted)]]
  requireObject('what requireCapability wants', wanted, ['anyOf', 'allOf'])
  if ('anyOf' in wanted && !('allOf' in wanted)) return requireSome('anyOf', wanted.anyOf).map((text) => [read(text)])
  if ('allOf' in wanted && !('anyOf' in wanted)) return [requireSome('allOf', wanted.allOf).map(read)]
  throw new Misconfigured('ERR_OPTION_INVALID', 'requireCapability takes a scope, { anyOf: […] } or { allOf: […] }')
}

function requireSome(name: string, scopes: readonly string[]): readonly string[] {
  const { length } = requireStrings(name, scopes)
  if (length > 0 && length <= MAX_WANTED) return scopes
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} lists 1 to ${MAX_WANTED} scopes`)
}
