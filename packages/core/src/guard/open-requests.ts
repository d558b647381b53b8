import { custom, flag, nested, type OptionReader, optionTable } from '../internal/option-table.ts'
import { requireStrings } from '../internal/options.ts'
import { Misconfigured } from '../misconfigured.ts'
import { hasDotSegment } from '../request.ts'

/** What passes without an agent, by name. Everything else is guarded. */
export interface OpenRequests {
  /**
   * Exact paths as the application receives them, query not counted, such as `/healthz`. They pass with any Host:
   * load balancers and probes name the address of one server, or nothing. @default none
   */
  readonly paths?: readonly string[]
  /** Beginnings of paths that end in `/`, such as `/public/`; a path with a dot segment is below none of them. @default none */
  readonly prefixes?: readonly string[]
  /** The methods for which paths and prefixes are open; GET and HEAD only without content. @default ['GET', 'HEAD'] */
  readonly methods?: readonly string[]
  /** Let CORS preflights (OPTIONS with Origin and Access-Control-Request-Method) reach the application. @default false */
  readonly corsPreflight?: boolean
}

/** What passes without an agent, ready for every request. */
export interface OpenSettings {
  readonly openPaths: ReadonlySet<string>
  readonly openPrefixes: readonly string[]
  readonly openMethods: ReadonlySet<string>
  readonly corsPreflight: boolean
}

const OPEN = optionTable('open', {
  paths: listOf(requirePath, []),
  prefixes: listOf(requirePrefix, []),
  methods: listOf(requireMethod, ['GET', 'HEAD']),
  corsPreflight: flag(false),
})

/** Reads `open`, in a fixed order. */
export const openRequests: OptionReader<Required<OpenRequests>> = nested(OPEN)

/** Prepares what passes without an agent. */
export function openSettings({ paths, prefixes, methods, corsPreflight }: Required<OpenRequests>): OpenSettings {
  return { openPaths: new Set(paths), openPrefixes: prefixes, openMethods: new Set(methods), corsPreflight }
}

const PATH = /^\/(?!\/)[\x21\x22\x24-\x29\x2b-\x3e\x40-\x5b\x5d-\x7e]*$/

function listOf(check: (text: string) => string, fallback: readonly string[]): OptionReader<readonly string[]> {
  return custom((name, given = fallback) =>
    requireStrings(name, given as readonly string[])
      .map(check)
      .sort(),
  )
}

function requirePath(path: string): string {
  if (PATH.test(path)) return path
  throw invalid('each of open.paths must be one exact path such as /healthz, no pattern')
}

function requirePrefix(prefix: string): string {
  const isPrefix = prefix.length > 1 && prefix.endsWith('/') && PATH.test(prefix) && !hasDotSegment(prefix)
  if (isPrefix) return prefix
  throw invalid('each of open.prefixes must begin and end with / and name something, such as /public/')
}

/** RFC 9110 section 9.1: methods are case-sensitive. */
function requireMethod(method: string): string {
  if (/^[A-Z]{1,32}$/.test(method) && method !== 'OPTIONS') return method
  throw invalid(
    'each of open.methods must be a method in capitals such as GET; for OPTIONS there is open.corsPreflight',
  )
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
