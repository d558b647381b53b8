import { Misconfigured } from '@countermark/core'
import { findScope, isRestriction, isSegmentName, MAX_SEGMENTS } from './scope.ts'
import type { RenameScope } from './scope-aliases.ts'

/** A scope as a route asks for it: `dns:{zone}:write` takes `zone` from the route's parameters. */
export interface ScopeTemplate {
  readonly text: string
  /** What must be covered for this request; `undefined` when a parameter's value cannot stand in a scope. */
  readonly fill: (parameters: Readonly<Record<string, string>>) => WantedScope | undefined
  /** The parameters that the route must have. */
  readonly parameters: readonly string[]
}

/** A scope with its parameters filled in. */
export interface WantedScope {
  /** By which it is compared: aliases are replaced. */
  readonly text: string
  /** As the route writes it, parameters filled in: what a client asks its authorization server for. */
  readonly written: string
  /** As the route declares it. @default the text: nothing was filled in */
  readonly declared?: string
  readonly segments: readonly string[]
}

const PARAMETER = /\{([A-Za-z_][A-Za-z0-9_]{0,63})\}/g

/**
 * Reads what a route asks for. A parameter stands for a segment or part of one, never for more.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function parseScopeTemplate(text: string, rename: RenameScope): ScopeTemplate {
  const segments = readSegments(text, rename)
  const parameters = [...text.matchAll(PARAMETER)].map(([, name = '']) => name)
  if (parameters.length === 0) {
    const wanted: WantedScope = { text: segments.join(':'), written: text, segments }
    return { text, parameters, fill: () => wanted }
  }
  return { text, parameters, fill: (values) => fillSegments(text, segments, values) }
}

/** A scope that a program puts together; `undefined` for what is none. It has no duration: `dns:1h` is about a zone `1h`. */
export function findWanted(text: string, rename: RenameScope): WantedScope | undefined {
  const segments = rename(text).split(':')
  const isScope =
    segments.length <= MAX_SEGMENTS && segments.every((segment) => segment === '*' || isSegmentName(segment))
  return isScope && !isRestriction(text) ? { text: segments.join(':'), written: text, segments } : undefined
}

function readSegments(text: string, rename: RenameScope): readonly string[] {
  if (typeof text !== 'string' || isRestriction(text)) throw invalid()
  // Judged with a name in the place of each parameter: what a scope may be does not depend on the request.
  const scope = findScope(text.replace(PARAMETER, 'x'))
  if (scope === undefined) throw invalid()
  if (scope.durationSeconds !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'a route asks for no duration: leave it out of the scope')
  }
  return rename(text).split(':')
}

function fillSegments(
  declared: string,
  segments: readonly string[],
  values: Readonly<Record<string, string>>,
): WantedScope | undefined {
  const fill = (text: string): string =>
    text.replace(PARAMETER, (_, name: string) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined
      // What is no name (`*`, `a:b`, nothing) makes the whole segment none.
      return value !== undefined && isSegmentName(value) ? value : ':'
    })
  const filled = segments.map(fill)
  const isUsable = filled.every((segment) => segment === '*' || isSegmentName(segment))
  return isUsable ? { text: filled.join(':'), written: fill(declared), declared, segments: filled } : undefined
}

function invalid(): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', 'a route asks for a scope such as refunds:create or dns:{zone}:write')
}
