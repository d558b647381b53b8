import { Misconfigured, requireKnownOptions } from '@countermark/core'
import { custom, number, optionTable, type SignatureAlgorithm } from '@countermark/core/internal'
import { ALGORITHMS, WINDOW } from '../options.ts'

/** Names of the header fields, where a deployment calls them otherwise, such as `X-Agent-ID`. */
export interface SimpleHeaderNames {
  /** @default 'Agent-ID' */
  readonly agentId?: string
  /** @default 'Agent-Auth-Version' */
  readonly version?: string
  /** @default 'Timestamp' */
  readonly timestamp?: string
  /** @default 'Nonce' */
  readonly nonce?: string
  /** @default 'Key-ID' */
  readonly keyId?: string
  /** @default 'Signature' */
  readonly signature?: string
}

/** What both versions of the simple form let you choose. */
interface SimpleHeadersLimits {
  /** Other names for the header fields. @default the standard names */
  readonly headers?: SimpleHeaderNames
  /** Oldest acceptable signature. Seconds. @default 300 */
  readonly toleranceSeconds?: number
  /** How far ahead of our clock a signature may be dated. Seconds. @default 30 */
  readonly futureSkewSeconds?: number
  /** Largest body. Content-Length is compared before anything is read or looked up. Bytes. @default 1_048_576 */
  readonly maxBodyBytes?: number
}

/** The nine-line form: covers method, authority, target, agent, time, nonce, body and token. */
export interface SimpleHeadersV1Options extends SimpleHeadersLimits {
  readonly version: 1
  /** @default DEFAULT_ALGORITHMS of core */
  readonly algorithms?: readonly SignatureAlgorithm[]
}

/** The literal `Ed25519(body + timestamp)`: covers neither method nor target. For callers that cannot change. */
export interface SimpleHeadersV0Options extends SimpleHeadersLimits {
  readonly version: 0
  /** Method and exact target as sent, query included, such as `POST /api/v1/checkout`. Nothing else is accepted. */
  readonly routes: readonly string[]
}

/** Which simple form to accept, and how. */
export type SimpleHeadersOptions = SimpleHeadersV1Options | SimpleHeadersV0Options

/** The same after validation. */
export interface SimpleSettings extends Required<Omit<SimpleHeadersLimits, 'headers'>> {
  /** Lower-case. */
  readonly names: Readonly<Required<SimpleHeaderNames>>
  readonly algorithms: readonly SignatureAlgorithm[]
}

/** The names of {@link SimpleSettings}. */
export const SIMPLE_SETTINGS: readonly (keyof SimpleSettings)[] = [
  ...(['names', 'toleranceSeconds', 'futureSkewSeconds', 'maxBodyBytes', 'algorithms'] as const),
]

const COMMON = {
  version: custom((_name, given) => given),
  headers: custom((_name, given) => completeHeaderNames(given as SimpleHeaderNames, (name) => name.toLowerCase())),
  ...WINDOW,
  maxBodyBytes: number({ min: 0, default: 1_048_576 }),
}
const VERSION_1 = optionTable('simpleHeaders', { ...COMMON, algorithms: ALGORITHMS })
const VERSION_0 = optionTable('simpleHeaders', { ...COMMON, routes: custom((_name, given) => requireRoutes(given)) })

/** Validates what was chosen for version 1. @throws Misconfigured */
export function readV1Settings(options: SimpleHeadersV1Options): SimpleSettings {
  const { version: _version, headers: names, ...settings } = VERSION_1.read(options)
  return { names, ...settings }
}

/** Validates what was chosen for version 0, and where it is accepted. @throws Misconfigured */
export function readV0Settings(
  options: SimpleHeadersV0Options,
): SimpleSettings & { readonly routes: readonly string[] } {
  const { version: _version, headers: names, ...settings } = VERSION_0.read(options)
  return { names, ...settings, algorithms: ['ed25519'] }
}

const ROUTE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \/[\x21-\x7e]*$/

function requireRoutes(routes: unknown): readonly string[] {
  const example = "such as 'POST /orders'"
  if (!Array.isArray(routes) || routes.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', `routes must list where version 0 is accepted, ${example}`)
  }
  if (routes.every((route) => typeof route === 'string' && ROUTE.test(route))) return routes
  throw new Misconfigured('ERR_OPTION_INVALID', `a route is a method and a target as sent, ${example}`)
}

const DEFAULTS: Readonly<Required<SimpleHeaderNames>> = {
  agentId: 'Agent-ID',
  version: 'Agent-Auth-Version',
  timestamp: 'Timestamp',
  nonce: 'Nonce',
  keyId: 'Key-ID',
  signature: 'Signature',
}

/** RFC 9110 section 5.6.2, without what would need quoting elsewhere. */
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/

/** Fields with a meaning of their own. */
const TAKEN = ['authorization', 'agent-delegation', 'signature-input', 'host', 'content-length', 'transfer-encoding']

/**
 * Fills in the names that are not given.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`
 */
export function completeHeaderNames(
  given: SimpleHeaderNames = {},
  write: (name: string) => string = (name) => name,
): Readonly<Required<SimpleHeaderNames>> {
  requireKnownOptions('headers', given, Object.keys(DEFAULTS))
  const names = { ...DEFAULTS, ...given }
  const seen = new Set(TAKEN)
  for (const role of Object.keys(DEFAULTS) as (keyof SimpleHeaderNames)[]) {
    const name = names[role]
    if (typeof name !== 'string' || !FIELD_NAME.test(name) || seen.has(name.toLowerCase())) {
      throw new Misconfigured('ERR_OPTION_INVALID', `headers.${role} must be a header field name used for nothing else`)
    }
    seen.add(name.toLowerCase())
    names[role] = write(name)
  }
  return names
}
