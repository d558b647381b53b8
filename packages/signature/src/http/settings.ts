import { Misconfigured } from '@countermark/core'
import { custom, type JsonValue, number, optionTable, type SignatureAlgorithm, word } from '@countermark/core/internal'
import { ALGORITHMS, WINDOW } from '../options.ts'
import { type CoveragePolicy, createCoverage } from './coverage.ts'

/** Which RFC 9421 signatures to accept. The defaults are strict; what loosens them has a name. */
export interface HttpSignaturesOptions {
  /**
   * `rfc9421` takes what other libraries sign by default: any tag, `expires` and `nonce` optional. What it gives up: a signature
   * made for another use of the same key counts here, and one without an end or a nonce lives for `toleranceSeconds`.
   * Other options go first. @default 'agent-auth'
   */
  readonly profile?: 'agent-auth' | 'rfc9421'
  /** Oldest acceptable signature. Seconds. @default 300 */
  readonly toleranceSeconds?: number
  /** How far ahead of our clock a signature may be dated. Seconds. @default 30 */
  readonly futureSkewSeconds?: number
  /** Whether a signature must state its end. @default 'required' */
  readonly expires?: 'required' | 'optional'
  /** Longest time between `created` and `expires`. Seconds. @default no limit: toleranceSeconds ends a signature anyway */
  readonly maxLifetimeSeconds?: number
  /** When a nonce is required; `required-unsafe` spares GET, HEAD and OPTIONS. @default 'required-unsafe' */
  readonly nonce?: 'required' | 'required-unsafe' | 'optional'
  /** Tags to look at; `undefined` among them stands for signatures without a tag. @default ['agent-auth', 'web-bot-auth'] */
  readonly tags?: 'any' | readonly (string | undefined)[]
  /** What must be covered besides method, authority, path and query. @default content and every security field present */
  readonly coverage?: CoveragePolicy
  /** @default DEFAULT_ALGORITHMS of core */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** How long a Web Bot Auth signature over the authority alone identifies its sender. Seconds. @default 86_400 */
  readonly identifiedSeconds?: number
}

/** The same after validation. */
export interface HttpSignatureSettings extends Required<Omit<HttpSignaturesOptions, 'profile' | 'coverage'>> {
  /** The tag to ask for. */
  readonly tag: string | undefined
  readonly coverageFor: ReturnType<typeof createCoverage>
  /** How it was set up: part of the configuration hash. */
  readonly description: Readonly<Record<string, JsonValue>>
}

const OPTIONS = optionTable('httpSignatures', {
  profile: word(['agent-auth', 'rfc9421'], 'agent-auth'),
  ...WINDOW,
  expires: word(['required', 'optional']),
  maxLifetimeSeconds: number({ min: 1, default: Infinity }),
  nonce: word(['required', 'required-unsafe', 'optional']),
  tags: custom((_name, given) => (given === undefined ? undefined : requireTags(given))),
  coverage: custom((_name, given = {}) => createCoverage(given as CoveragePolicy)),
  algorithms: ALGORITHMS,
  identifiedSeconds: number({ min: 1, max: 86_400, default: 86_400 }),
})

/** The names of {@link HttpSignaturesOptions}. */
export const HTTP_SIGNATURES_OPTIONS: readonly string[] = OPTIONS.names

type Preset = Readonly<Required<Pick<HttpSignaturesOptions, 'tags' | 'expires' | 'nonce'>>>

const PROFILES: Readonly<Record<NonNullable<HttpSignaturesOptions['profile']>, Preset>> = {
  'agent-auth': { tags: ['agent-auth', 'web-bot-auth'], expires: 'required', nonce: 'required-unsafe' },
  rfc9421: { tags: 'any', expires: 'optional', nonce: 'optional' },
}

/** Validates what was chosen. @throws Misconfigured */
export function readHttpSettings(options: HttpSignaturesOptions): HttpSignatureSettings {
  const { profile, coverage: coverageFor, ...settings } = OPTIONS.read(options)
  const { tags, expires, nonce } = PROFILES[profile]
  const chosen = {
    tags: settings.tags ?? tags,
    expires: settings.expires ?? expires,
    nonce: settings.nonce ?? nonce,
  }
  const tag = chosen.tags === 'any' ? undefined : chosen.tags[0]
  return { ...settings, ...chosen, tag, coverageFor, description: OPTIONS.describe(options) }
}

function requireTags(tags: unknown): HttpSignatureSettings['tags'] {
  const isTag = (tag: unknown): boolean => tag === undefined || (typeof tag === 'string' && /^[\x20-\x7e]+$/.test(tag))
  if (tags === 'any' || (Array.isArray(tags) && tags.length > 0 && tags.every(isTag))) return tags
  throw new Misconfigured('ERR_OPTION_INVALID', "tags must be 'any' or a list such as ['agent-auth', undefined]")
}
