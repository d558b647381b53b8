import { bareCopy } from './bare-object.ts'
import { Misconfigured } from './misconfigured.ts'
import { requireBoolean, requireKnownOptions, requireStrings } from './option-checks.ts'

/** What passes without an agent, by name. Everything else is guarded. */
export interface OpenRequests {
  /** Exact request-targets, query not counted, that GET and HEAD may read, such as `/healthz`. */
  readonly paths?: readonly string[]
  /** Let CORS preflights (OPTIONS with Origin and Access-Control-Request-Method) reach the application. @default false */
  readonly corsPreflight?: boolean
}

/** What passes without an agent, ready for every request. */
export interface OpenSettings {
  readonly openPaths: ReadonlySet<string>
  readonly corsPreflight: boolean
}

/**
 * Validates what passes without an agent.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function readOpenRequests(open: OpenRequests): OpenSettings {
  requireKnownOptions('open', open, ['paths', 'corsPreflight'])
  const { paths = [], corsPreflight = false } = bareCopy(open)
  return {
    openPaths: new Set(requireStrings('open.paths', paths).map(requirePath)),
    corsPreflight: requireBoolean('open.corsPreflight', corsPreflight),
  }
}

function requirePath(path: string): string {
  if (/^\/(?!\/)[\x21\x22\x24-\x29\x2b-\x3e\x40-\x5b\x5d-\x7e]*$/.test(path)) return path
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of open.paths must be one exact path such as /healthz, no pattern',
  )
}
