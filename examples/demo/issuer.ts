import { randomUUID } from 'node:crypto'
import type { RevocationName } from '@countermark/delegation'
import { startServer } from '@countermark/testing'
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from 'jose'
import { createRevocationEvents } from './revocation-events.ts'
import { type Consent, createTokenEndpoint } from './token-endpoint.ts'

/** Claims of a token, by the names they have in it; `undefined` leaves one out. */
export type Claims = Readonly<Record<string, unknown>>

/**
 * An issuer of the demo: it publishes metadata (RFC 8414) and keys (RFC 7517), signs whatever it is told to, and says what was
 * revoked. Nobody logs in here: it stands where an identity provider, or an authority of agents, stands in earnest.
 */
export interface Issuer {
  /** `iss` of tokens by RFC 9068. */
  readonly url: string
  /** `iss` of an agent's own plain tokens: of type JWT, without audience and id. */
  readonly plainUrl: string
  /** Signs a token that lives for a minute, unless the claims say otherwise. */
  readonly mint: (claims: Claims) => Promise<string>
  readonly mintPlain: (claims: Claims) => Promise<string>
  /** Where agents get tokens by themselves. */
  readonly tokenEndpoint: string
  /** A user agrees, and the agent gets a refresh token. */
  readonly consent: (consent: Consent) => Consented
  /** Tells everybody who follows the feed. */
  readonly revoke: (event: RevocationName) => void
  /** Signs with a new key from now on; the old ones stay published. */
  readonly rotate: () => Promise<void>
  /** Says nothing any more about revocations, or goes on. */
  readonly silence: (silent: boolean) => void
  /** Answers with 500 from now on where metadata and keys are asked for, or no longer. */
  readonly fail: (failing: boolean) => void
  /** How often somebody asked for metadata or keys. */
  readonly requests: () => number
  readonly close: () => Promise<void>
}

/** What came of a user's consent. */
export interface Consented {
  readonly refreshToken: string
  /** How often the agent came for a token. */
  readonly uses: () => number
}

interface SigningKey {
  readonly keyId: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

/** Starts an issuer on a free port. Agents are known to it by the keys that `findKey` finds. */
export async function createIssuer(findKey: (agentId: string) => JWK | undefined = () => undefined): Promise<Issuer> {
  const keys: [SigningKey, ...SigningKey[]] = [await createKey('issuer-1')]
  const feed = createRevocationEvents()
  const consents = createConsents()
  let requests = 0
  let failing = false
  const { origin: url, close } = await startServer((request, response) => {
    if (request.url === '/revocations') return feed.follow(response)
    if (request.url === '/token') return void answerTokens(request, response)
    requests++
    const document = failing ? undefined : documentOf(request.url ?? '')
    response.statusCode = failing ? 500 : document === undefined ? 404 : 200
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(document ?? { error: 'nothing here' }))
  })
  const plainUrl = `${url}/plain`

  const jwks = (): { keys: JWK[] } => ({ keys: keys.map(({ publicJwk }) => publicJwk) })

  function documentOf(path: string): object | undefined {
    if (path === '/jwks') return jwks()
    // RFC 8414 section 3.1: the path of an issuer stands behind the well-known one.
    const [, suffix] = /^\/\.well-known\/oauth-authorization-server(\/plain)?$/.exec(path) ?? ['', undefined]
    if (!path.startsWith('/.well-known/oauth-authorization-server')) return undefined
    return {
      issuer: url + (suffix ?? ''),
      jwks_uri: `${url}/jwks`,
      token_endpoint: `${url}/token`,
      response_types_supported: [],
    }
  }

  function sign(claims: Claims, type: string): Promise<string> {
    const [{ keyId, privateKey }] = keys
    return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'EdDSA', kid: keyId, typ: type }).sign(privateKey)
  }

  const mint: Issuer['mint'] = (claims) => sign({ iss: url, ...lifetime(60), jti: randomUUID(), ...claims }, 'at+jwt')
  const tokenEndpoint = `${url}/token`
  const answerTokens = createTokenEndpoint({
    ...{ url: tokenEndpoint, mint, findKey, findConsent: consents.use },
    verify: async (token) =>
      (await jwtVerify(token, createLocalJWKSet(jwks()), { issuer: url, typ: 'at+jwt' })).payload,
  })
  return {
    url,
    plainUrl,
    mint,
    tokenEndpoint,
    consent: consents.add,
    mintPlain: (claims) => sign({ iss: plainUrl, ...lifetime(60), ...claims }, 'JWT'),
    revoke: feed.publish,
    rotate: async () => void keys.unshift(await createKey(`issuer-${keys.length + 1}`)),
    silence: feed.silence,
    fail: (now) => {
      failing = now
    },
    requests: () => requests,
    close: () => {
      feed.close()
      return close()
    },
  }
}

/** `iat` and `exp` of a token that was issued a second ago. */
export function lifetime(seconds: number): { readonly iat: number; readonly exp: number } {
  const now = Math.floor(Date.now() / 1000)
  return { iat: now - 1, exp: now + seconds }
}

async function createKey(keyId: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
  return { keyId, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid: keyId, alg: 'EdDSA', use: 'sig' } }
}

function createConsents() {
  const entries = new Map<string, { readonly consent: Consent; uses: number }>()
  return {
    add: (consent: Consent): Consented => {
      const [refreshToken, entry] = [randomUUID(), { consent, uses: 0 }]
      entries.set(refreshToken, entry)
      return { refreshToken, uses: () => entry.uses }
    },
    use: (refreshToken: string): Consent | undefined => {
      const entry = entries.get(refreshToken)
      if (entry !== undefined) entry.uses++
      return entry?.consent
    },
  }
}
