import { Misconfigured } from '@countermark/core'
import { requireStrings } from '@countermark/core/internal'
import { isScopeWord, type RequiredAuthentication } from '../tokens/agent-token.ts'
import type { RefusalDocument } from './read-refusal.ts'
import { parseChallenges } from './www-authenticate.ts'

/** What is wrong with the token that was sent, or with the proof beside it. */
export type TokenChallenge =
  /** The proof must carry the nonce that was offered (RFC 9449 section 9). */
  | { readonly wants: 'nonce' }
  /** The token is not taken any more (RFC 6750 section 3.1). */
  | { readonly wants: 'another' }
  /** The token does not allow enough, or the user must log in anew (RFC 6750 section 3.1, RFC 9470). */
  | {
      readonly wants: 'more'
      readonly scopes: readonly string[]
      readonly authentication: RequiredAuthentication | undefined
    }

/** What another token cures. The others say that the right token was sent in the wrong way, or to the wrong service. */
const CURED_BY_ANOTHER: ReadonlySet<string> = new Set(['token_expired', 'token_invalid', 'token_revoked'])

const MAX_ASKED = 32

/** Reads the refusal of a token; `undefined` when it is about something else, or asks for what cannot be asked for. */
export function readTokenChallenge(
  response: Response,
  refusal: RefusalDocument | undefined,
): TokenChallenge | undefined {
  const challenge = parseChallenges(response.headers.get('www-authenticate') ?? '').find(
    ({ scheme, parameters }) => (scheme === 'bearer' || scheme === 'dpop') && parameters.has('error'),
  )
  if (challenge === undefined) return undefined
  const { parameters } = challenge
  const read = READERS[`${response.status} ${parameters.get('error')}`]
  return read?.(parameters, refusal)
}

type Parameters = ReadonlyMap<string, string>
type Reader = (parameters: Parameters, refusal: RefusalDocument | undefined) => TokenChallenge | undefined

const READERS: Readonly<Record<string, Reader>> = {
  '401 use_dpop_nonce': () => ({ wants: 'nonce' }),
  '401 invalid_token': (_parameters, refusal) =>
    refusal === undefined || CURED_BY_ANOTHER.has(refusal.code) ? { wants: 'another' } : undefined,
  '401 insufficient_user_authentication': (parameters) => {
    const acrValues = (parameters.get('acr_values') ?? '').split(' ').filter((value) => value !== '')
    const maxAge = parameters.get('max_age')
    const maxAgeSeconds = maxAge !== undefined && /^[0-9]{1,9}$/.test(maxAge) ? Number(maxAge) : undefined
    return askForMore(parameters, { acrValues, maxAgeSeconds })
  },
  '403 insufficient_scope': (parameters) => (parameters.has('scope') ? askForMore(parameters, undefined) : undefined),
}

function askForMore(
  parameters: Parameters,
  authentication: RequiredAuthentication | undefined,
): TokenChallenge | undefined {
  const scopes = (parameters.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
  const isReadable = scopes.length <= MAX_ASKED && scopes.every(isScopeWord)
  return isReadable ? { wants: 'more', scopes: [...new Set(scopes)], authentication } : undefined
}

/** Scopes that a service may talk us into asking for: these, or those for which a function answers `true`. */
export type MayAskFor = readonly string[] | ((scope: string, origin: string) => boolean)

/** Scopes that services asked for besides, by origin. */
export interface StepUps {
  /** What this service asked for before, and got. */
  readonly of: (origin: string) => readonly string[]
  /** The same with these; `undefined` when they are more than we may ask for. What the token has already needs no leave. */
  readonly with: (origin: string, scopes: readonly string[], held: readonly string[]) => readonly string[] | undefined
  readonly remember: (origin: string, scopes: readonly string[]) => void
}

/** A function may allow any number of scopes, each of them new. */
const MAX_SCOPES = 64

/**
 * Remembers what services asked for, within what they may ask for.
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function createStepUps(mayAskFor: MayAskFor): StepUps {
  const isAllowed = typeof mayAskFor === 'function' ? mayAskFor : isListed(mayAskFor)
  const remembered = new Map<string, readonly string[]>()
  const of: StepUps['of'] = (origin) => remembered.get(origin) ?? []
  return {
    of,
    with: (origin, scopes, held) => {
      const more = scopes.filter((scope) => !held.includes(scope))
      const together = [...new Set([...of(origin), ...more])]
      return together.length <= MAX_SCOPES && more.every((scope) => isAllowed(scope, origin)) ? together : undefined
    },
    remember: (origin, scopes) => void remembered.set(origin, scopes),
  }
}

function isListed(scopes: readonly string[]): (scope: string) => boolean {
  const listed = new Set(requireStrings('mayAskFor', scopes))
  if (listed.has('')) throw new Misconfigured('ERR_OPTION_INVALID', 'each of mayAskFor must be a scope')
  return (scope) => listed.has(scope)
}
