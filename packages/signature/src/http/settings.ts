import { Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import {
  DEFAULT_ALGORITHMS,
  isSignatureAlgorithm,
  requireWord,
  type SignatureAlgorithm,
} from '@countermark/core/internal'
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
}

/** The names of {@link HttpSignaturesOptions}. */
export const HTTP_SIGNATURES_OPTIONS: readonly (keyof HttpSignaturesOptions)[] = [
  ...(['profile', 'toleranceSeconds', 'futureSkewSeconds', 'expires', 'maxLifetimeSeconds'] as const),
  ...(['nonce', 'tags', 'coverage', 'algorithms', 'identifiedSeconds'] as const),
]

type Preset = Readonly<Required<Pick<HttpSignaturesOptions, 'tags' | 'expires' | 'nonce'>>>

const PROFILES: Readonly<Record<NonNullable<HttpSignaturesOptions['profile']>, Preset>> = {
  'agent-auth': { tags: ['agent-auth', 'web-bot-auth'], expires: 'required', nonce: 'required-unsafe' },
  rfc9421: { tags: 'any', expires: 'optional', nonce: 'optional' },
}

/** Validates what was chosen. @throws Misconfigured */
export function httpSignatureSettings(options: HttpSignaturesOptions): HttpSignatureSettings {
  requireKnownOptions('httpSignatures', options, HTTP_SIGNATURES_OPTIONS)
  const { toleranceSeconds = 300, futureSkewSeconds = 30, maxLifetimeSeconds, identifiedSeconds = 86_400 } = options
  const preset = PROFILES[requireWord('profile', options.profile ?? 'agent-auth', ['agent-auth', 'rfc9421'])]
  const { tags = preset.tags, algorithms = DEFAULT_ALGORITHMS, coverage = {} } = options
  return {
    toleranceSeconds: requireNumber('toleranceSeconds', toleranceSeconds, { min: 1 }),
    futureSkewSeconds: requireNumber('futureSkewSeconds', futureSkewSeconds, { min: 0 }),
    identifiedSeconds: requireNumber('identifiedSeconds', identifiedSeconds, { min: 1, max: 86_400 }),
    maxLifetimeSeconds:
      maxLifetimeSeconds === undefined ? Infinity : requireNumber('maxLifetimeSeconds', maxLifetimeSeconds, { min: 1 }),
    expires: requireWord('expires', options.expires ?? preset.expires, ['required', 'optional']),
    nonce: requireWord('nonce', options.nonce ?? preset.nonce, ['required', 'required-unsafe', 'optional']),
    algorithms: requireAlgorithms(algorithms),
    tags: requireTags(tags),
    tag: tags === 'any' ? undefined : tags[0],
    coverageFor: createCoverage(coverage),
  }
}

/** Validates a list of algorithms. @throws Misconfigured */
export function requireAlgorithms(algorithms: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[] {
  if (Array.isArray(algorithms) && algorithms.length > 0 && algorithms.every(isSignatureAlgorithm)) return algorithms
  throw new Misconfigured('ERR_OPTION_INVALID', 'algorithms must name at least one known algorithm')
}

function requireTags(tags: HttpSignatureSettings['tags']): HttpSignatureSettings['tags'] {
  const isTag = (tag: unknown): boolean => tag === undefined || (typeof tag === 'string' && /^[\x20-\x7e]+$/.test(tag))
  if (tags === 'any' || (Array.isArray(tags) && tags.length > 0 && tags.every(isTag))) return tags
  throw new Misconfigured('ERR_OPTION_INVALID', "tags must be 'any' or a list such as ['agent-auth', undefined]")
}
