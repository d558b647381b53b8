import { hash } from 'node:crypto'
import { type Environment, Misconfigured, Refusal } from '@countermark/core'
import {
  custom,
  isJsonObject,
  isThenable,
  number,
  type OptionReader,
  optionTable,
  ownMember,
} from '@countermark/core/internal'
import { type FetcherOptions, OutboundError, RefreshCache } from '@countermark/outbound'
import type { CacheContext } from '@countermark/outbound/internal'
import { createIssuerFetcher, unavailable } from '../issuers/documents.ts'
import { createIssuerMeasurements } from '../issuers/measurements.ts'

/** Asks the issuer whether a token still counts (RFC 7662). */
export interface IntrospectionOptions {
  readonly endpoint: string
  /** How this service authenticates itself there (`client_secret_basic`). */
  readonly clientId: string
  readonly clientSecret: string
  /** How long an answer counts: a revoked token is accepted that much longer. At most 30. @default 10 */
  readonly cacheSeconds?: number
}

interface Answer {
  readonly isActive: boolean
}

/** The token travels with the question: no cache keeps it. */
interface Question extends CacheContext {
  readonly environment: Environment
  readonly token: string
}

const MAX_ANSWERS = 10_000

const REQUIRED: OptionReader<string> = custom((_name, given) => {
  if (typeof given === 'string' && given !== '') return given
  throw new Misconfigured('ERR_OPTION_MISSING', 'introspection needs endpoint, clientId and clientSecret')
})

const OPTIONS = optionTable('introspection', {
  endpoint: REQUIRED,
  clientId: REQUIRED,
  clientSecret: REQUIRED,
  cacheSeconds: number({ min: 1, max: 30, default: 10 }),
})

/** Introspection at one issuer. Tokens go there and nowhere else; answers are kept under a hash. */
export class Introspection {
  readonly #measurements = createIssuerMeasurements('introspection')
  readonly #cache: RefreshCache<Answer, Question>

  /** @throws Misconfigured */
  constructor(options: IntrospectionOptions, issuer: string, http: FetcherOptions) {
    const { endpoint, clientId, clientSecret, cacheSeconds } = OPTIONS.read(options, 'introspection.')
    // RFC 6749 section 2.3.1: each part is encoded like a form before both are.
    const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':')
    const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
    const access = { ...http, headers: { ...http.headers, authorization } }
    const fetcher = createIssuerFetcher('introspection', endpoint, access)
    const ageMs = cacheSeconds * 1000
    this.#cache = new RefreshCache<Answer, Question>({
      // An answer past its age is waited for, and no old answer replaces it when the endpoint fails.
      times: {
        refreshAfterMs: ageMs,
        maxAgeMs: ageMs,
        staleIfErrorMs: 0,
        maxEntries: MAX_ANSWERS,
        unknownPerMinute: 1e6,
      },
      observe: (event, { environment }, error) => this.#measurements.observe(event, environment, error),
      load: async ({ context, signal }) => {
        const form = { token: context.token, token_type_hint: 'access_token' }
        const { value } = await fetcher.postForm(endpoint, form, signal)
        return { value: parseAnswer(value, issuer) }
      },
    })
  }

  /** Whether the last question failed. */
  isFailing(): boolean {
    return this.#measurements.isFailing()
  }

  /** @throws Refusal `token_revoked` @throws Unavailable `revocation_unavailable` */
  check(token: string, environment: Environment): void | Promise<void> {
    const question = { clock: environment.clock, environment, token }
    const answer = this.#cache.read(hash('sha256', token, 'base64'), question)
    if (!isThenable(answer)) return requireActive(answer)
    return answer.then(requireActive, (cause: unknown) => {
      throw unavailable('revocation_unavailable', 'the issuer cannot be asked', cause)
    })
  }
}

function requireActive(answer: Answer | undefined): void {
  if (answer?.isActive === true) return
  throw new Refusal('token_revoked', 'the issuer says that the token does not count')
}

function parseAnswer(value: unknown, issuer: string): Answer {
  const active = isJsonObject(value) ? ownMember(value, 'active') : undefined
  if (!isJsonObject(value) || typeof active !== 'boolean') {
    throw new OutboundError('malformed', 'expected an answer that is active or not')
  }
  const stated = ownMember(value, 'iss')
  return { isActive: active && (stated === undefined || stated === issuer) }
}
