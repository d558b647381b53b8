import { hash } from 'node:crypto'
import { type Environment, isRefusal } from '@countermark/core'
import { isJsonObject, ownMember } from '@countermark/core/internal'
import { createTokenVerifier, requireWithin } from '@countermark/delegation/internal'
import { isOutboundError } from '@countermark/outbound'
import { OAuthError } from '../oauth-error.ts'
import type { ConsentSettings } from './consent-options.ts'

/** A person, as their provider names them. */
export interface Person {
  readonly subject: string
  readonly name: string
}

/** Lets people sign in at their own provider (OpenID Connect Core section 3.1). */
export interface SignIn {
  /** Where a person signs in. @throws OAuthError `temporarily_unavailable` */
  readonly start: (asked: {
    readonly state: string
    readonly nonce: string
    readonly verifier: string
  }) => Promise<string>
  /** Who came back. @throws OAuthError `access_denied`, `temporarily_unavailable` */
  readonly finish: (answer: {
    readonly code: string
    readonly nonce: string
    readonly verifier: string
  }) => Promise<Person>
}

interface Endpoints {
  readonly authorization: string
  readonly token: string
}

const SKEW_SECONDS = 30

/** Prepares the sign-in. The provider's metadata is read when it is first needed. */
export function createSignIn(consent: ConsentSettings, redirectUri: string, environment: Environment): SignIn {
  const { provider, clientId, subjectPrefix, fetcher, tokenFetcher } = consent
  const verify = createTokenVerifier({
    ...{
      issuers: new Map([[provider.issuer, provider]]),
      audiences: [clientId],
      exclusive: false,
      maxDepth: 1,
      links: undefined,
    },
  })
  let known: Promise<Endpoints> | undefined
  const find = (): Promise<Endpoints> => {
    known ??= findEndpoints(provider.issuer, fetcher).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
  const personOf = async (idToken: string, nonce: string): Promise<Person> => {
    const { delegation, times } = await verify(idToken, { request: undefined, environment })
    for (const each of times) requireWithin(each, environment.clock.wallMs(), SKEW_SECONDS)
    const claims = isJsonObject(delegation.claims) ? delegation.claims : {}
    if (ownMember(claims, 'nonce') !== nonce) throw denied('the provider answers another sign-in')
    const name = ['name', 'email', 'preferred_username']
      .map((each) => ownMember(claims, each))
      .find((each) => typeof each === 'string')
    return { subject: `${subjectPrefix}${delegation.subject}`, name: String(name ?? delegation.subject).slice(0, 128) }
  }
  return {
    start: ({ state, nonce, verifier }) =>
      guarded(async () => {
        const url = new URL((await find()).authorization)
        const challenge = hash('sha256', verifier, 'base64url')
        const asked = {
          response_type: 'code',
          client_id: clientId,
          redirect_uri: redirectUri,
          scope: 'openid profile email',
        }
        const bound = { state, nonce, code_challenge: challenge, code_challenge_method: 'S256' }
        for (const [name, value] of Object.entries({ ...asked, ...bound })) url.searchParams.set(name, value)
        return url.href
      }),
    finish: ({ code, nonce, verifier }) =>
      guarded(async () => {
        const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier }
        const { value } = await tokenFetcher.postForm((await find()).token, form)
        const idToken = isJsonObject(value) ? ownMember(value, 'id_token') : undefined
        if (typeof idToken !== 'string') throw denied('the provider gives no ID token')
        return personOf(idToken, nonce)
      }),
  }
}

async function guarded<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (cause) {
    if (isOutboundError(cause)) {
      throw new OAuthError('temporarily_unavailable', 'the provider that people sign in at does not answer', { cause })
    }
    if (isRefusal(cause))
      throw new OAuthError('access_denied', 'the provider gives an ID token that does not hold', { cause })
    throw cause
  }
}

async function findEndpoints(issuer: string, fetcher: ConsentSettings['fetcher']): Promise<Endpoints> {
  const { value } = await fetcher.fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const metadata = isJsonObject(value) && ownMember(value, 'issuer') === issuer ? value : {}
  const [authorization, token] = ['authorization_endpoint', 'token_endpoint'].map((name) => ownMember(metadata, name))
  if (typeof authorization === 'string' && typeof token === 'string') return { authorization, token }
  throw new OAuthError('temporarily_unavailable', 'the provider that people sign in at says nothing of itself')
}

function denied(message: string): OAuthError {
  return new OAuthError('access_denied', message)
}
