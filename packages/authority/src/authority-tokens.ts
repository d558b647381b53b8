import type { Environment, KeySource } from '@countermark/core'
import type { KnownUsers } from './api/endpoint.ts'
import type { AuthoritySettings } from './authority-options.ts'
import type { HandleRequest } from './http/listener.ts'
import type { StoredSigningKeys } from './signing-keys/signing-keys.ts'
import type { DoorService } from './stop/door-service.ts'
import { createRevocationFeed } from './stop/revocation-feed.ts'
import type { Organisations } from './tokens/subject-tokens/organisations.ts'
import type { UserNames } from './tokens/subject-tokens/user-names.ts'
import { createTokenService, type TokenService } from './tokens/token-service.ts'

/** Creates the endpoints of tokens; `undefined` where the authority issues none. */
export function createTokens(
  { tokens, storage: store, trail, clock, sourceLimit, callsPerSecond, trustedProxies }: AuthoritySettings,
  given: {
    readonly agents: KeySource
    readonly keys: StoredSigningKeys
    readonly organisations: Organisations
    readonly report: Environment['report']
  },
  { poke }: DoorService,
): TokenService | undefined {
  if (tokens === undefined) return undefined
  const feed = createRevocationFeed(tokens.issuer, poke)
  const limits = { callsPerSecond, trustedProxies, ...(sourceLimit === undefined ? {} : { sourceLimit }) }
  return createTokenService({ ...tokens, ...given, ...limits, store, trail, clock, feed })
}

/** The endpoints of tokens are at the paths below their issuer; everything else is the API's. */
export function firstTokens({ handle }: TokenService, handleApi: HandleRequest): HandleRequest {
  return async (message, response, given) => {
    const originalUrl = given ?? message.originalUrl ?? message.url ?? '/'
    if (!(await handle(message, response, originalUrl))) await handleApi(message, response, given)
  }
}

/** Names of users where tokens are issued and where none are: the providers that people sign in at are known to both. */
export function usersOf({ people }: AuthoritySettings, tokens: TokenService | undefined): UserNames {
  const providers = people?.issuers.map(({ issuer }) => issuer) ?? []
  const ofProviders: UserNames['findElsewhere'] = async (subject, issuer) =>
    (issuer === undefined ? providers : [issuer]).map((name) => ({ issuer: name, subject }))
  if (tokens === undefined) return { find: async (subject) => [subject], findElsewhere: ofProviders }
  return {
    find: tokens.findUserNames,
    findElsewhere: async (subject, issuer) => {
      const known = await tokens.findUsersElsewhere(subject, issuer)
      const others = issuer === undefined ? await ofProviders(subject) : []
      return [...known, ...others.filter((other) => known.every(({ issuer: name }) => name !== other.issuer))]
    },
  }
}

/** People of the registry are named as their identity provider names them, where they call with its tokens. */
export function knownUsers({ people, tokens }: AuthoritySettings, findUserNames: UserNames['find']): KnownUsers {
  const issuers = people?.person === undefined ? (people?.issuers ?? []).map(({ issuer }) => issuer) : []
  return {
    issuer: tokens?.issuer,
    findNames: (person) => {
      const named = issuers.find((issuer) => person.startsWith(`${issuer}#`))
      if (issuers.length > 1 && named !== undefined) return findUserNames(person.slice(named.length + 1), named)
      return findUserNames(person, issuers.length === 1 ? issuers[0] : undefined)
    },
  }
}

/** Where the authority issues no tokens, tickets name the first of its origins. */
export function firstOriginOf(origins: AuthoritySettings['origins']): string {
  const [first = ''] = typeof origins === 'function' ? [] : origins
  return first.includes('://') ? first : `https://${first}`
}
