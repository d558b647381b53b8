import { createHash } from 'node:crypto'
import type { CheckDescription } from './check.ts'
import type { GuardSettings } from './guard-options.ts'
import { canonicalJson, type JsonValue } from './internal/canonical-json.ts'
import type { RouteSettings } from './route-options.ts'

/**
 * Names a configuration without telling it: the SHA-256, base64url, of the canonical JSON (RFC 8785) of the options of the
 * factory and the route, and of the checks' own settings in their order. Computed once for each guard.
 * @throws TypeError when the settings of a check are no JSON
 */
export function hashConfiguration(
  settings: GuardSettings,
  route: RouteSettings,
  checks: readonly CheckDescription[],
): string {
  const text = canonicalJson({ guard: statedOptions(settings), route: statedRoute(route), checks: checks.map(stated) })
  return createHash('sha256').update(text).digest('base64url')
}

function stated({ name, settings = {} }: CheckDescription): JsonValue {
  return { name, settings }
}

function statedRoute({ optional, mode, minimumLevel }: RouteSettings): JsonValue {
  return { optional, mode, minimumLevel: minimumLevel ?? null }
}

function statedOptions(settings: GuardSettings): JsonValue {
  const { authorities, trustedProxies, strippedPrefix, maxBodyBytes, maxHeldBytes, maxBodySeconds } = settings
  const { maxHeaderFields, statusMode, errorDetail, minimumLevel, sourceLimit, corsPreflight, development } = settings
  const { methodOverride, openPaths, openPrefixes, openMethods, refusals } = settings
  return {
    authorities: authorities === undefined ? null : [...authorities],
    trustedProxies: [...trustedProxies],
    ...{ strippedPrefix, maxBodyBytes, maxHeldBytes, maxBodySeconds, maxHeaderFields },
    ...{ statusMode, errorDetail, methodOverride, corsPreflight, development },
    minimumLevel: { safe: minimumLevel.safe, unsafe: minimumLevel.unsafe },
    sourceLimit: sourceLimit === undefined ? null : { ...sourceLimit },
    openPaths: [...openPaths].sort(),
    openPrefixes: [...openPrefixes].sort(),
    openMethods: [...openMethods].sort(),
    refusals: Object.keys(refusals).sort(),
  }
}
