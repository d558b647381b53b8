import { createHash, createPrivateKey, createPublicKey, randomBytes, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { User } from './user.ts'

/** An application that users let act for them. */
export interface Application {
  readonly identityProvider: string
  readonly clientId: string
  readonly redirectUri: string
  /** The API that it wants to call (RFC 8707). */
  readonly resource: string
  /** The agent's private key, PEM: tokens will count only with it. */
  readonly key: string
}

/** What the identity provider answers. */
export interface Tokens {
  readonly access_token: string
  readonly id_token: string
  readonly scope: string
}

/** Sends a user to the identity provider, and swaps the code for tokens: authorization code with PKCE and DPoP. */
export async function logIn(application: Application, user: User, scope: string): Promise<Tokens> {
  const { identityProvider, clientId, redirectUri, resource } = application
  const endpoints = await json(`${identityProvider}/.well-known/openid-configuration`)
  const [verifier, state] = [randomBytes(32).toString('base64url'), randomUUID()]
  const authorize = new URL(endpoints['authorization_endpoint'] ?? '')
  authorize.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    resource,
    scope: `openid ${scope}`,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  const callback = await user.authorize(authorize, redirectUri)
  if (callback.searchParams.get('state') !== state) throw new Error('somebody else began this')

  const tokenEndpoint = endpoints['token_endpoint'] ?? ''
  const response = await fetch(tokenEndpoint, {
    method: 'POST',
    headers: { DPoP: await proveDpop(application.key, 'POST', tokenEndpoint) },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: redirectUri,
      code: callback.searchParams.get('code') ?? '',
      code_verifier: verifier,
      resource,
    }),
  })
  return JSON.parse(await response.text())
}

/** A DPoP proof (RFC 9449): this request, now, by the owner of this key. */
export async function proveDpop(key: string, method: string, url: string, token?: string): Promise<string> {
  const privateKey = createPrivateKey(key)
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const ath = token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') }
  return new SignJWT({ htm: method, htu: url, ...ath })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: { ...jwk } })
    .setIssuedAt()
    .setJti(randomUUID())
    .sign(privateKey)
}

async function json(url: string): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await (await fetch(url)).text())
}
