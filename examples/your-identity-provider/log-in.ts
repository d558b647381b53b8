import { createHash, createPrivateKey, createPublicKey, randomBytes, randomUUID } from 'node:crypto'
import type { AgentToken, FoundTokenEndpoint, TokenSource } from '@countermark/client'
import { SignJWT } from 'jose'
import type { User } from './user.ts'

/** An application that users let act for them, at one API. */
export interface Application extends FoundTokenEndpoint {
  readonly clientId: string
  readonly redirectUri: string
  /** The agent's private key, PEM: tokens will count only with it. */
  readonly key: string
  /** The API that it wants to call. */
  readonly resource: string
}

/** What the identity provider answers. */
export interface Tokens {
  readonly access_token: string
  readonly id_token: string
  readonly expires_in: number
}

/** Tokens for one user: asks for as much as is needed, and again when a service wants more. */
export function tokensOf(user: User, application: Application): TokenSource {
  const granted = new Map<string, AgentToken>()
  return async ({ scopes = [], refused }) => {
    const wanted = ['orders:read', ...scopes].join(' ')
    const before = granted.get(wanted)
    if (before !== undefined && before.value !== refused) return before
    const token = toAgentToken(await logIn(user, application, wanted))
    granted.set(wanted, token)
    return token
  }
}

function toAgentToken({ access_token: value, expires_in }: Tokens): AgentToken {
  return { value, scheme: 'DPoP', expiresAt: Math.floor(Date.now() / 1000) + expires_in }
}

/** Sends a user to the identity provider, and swaps the code for tokens: authorization code with PKCE and DPoP. */
export async function logIn(user: User, application: Application, scope: string): Promise<Tokens> {
  const { issuer, tokenEndpoint, clientId, redirectUri, resource, key } = application
  const metadata = await json<{ readonly authorization_endpoint: string }>(`${issuer}/.well-known/openid-configuration`)
  const [verifier, state] = [randomBytes(32).toString('base64url'), randomUUID()]
  const authorize = new URL(metadata.authorization_endpoint)
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
  const { searchParams: answer } = await user.authorize(authorize, redirectUri)
  if (answer.get('state') !== state || answer.get('iss') !== issuer) throw new Error('this answers another request')

  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code: answer.get('code') ?? '',
    code_verifier: verifier,
    resource,
  })
  const headers = { DPoP: await proveKey(key, tokenEndpoint) }
  return json<Tokens>(tokenEndpoint, { method: 'POST', headers, body: form })
}

/** A DPoP proof (RFC 9449 section 5): the token that is asked for shall be bound to this key. */
async function proveKey(key: string, url: string): Promise<string> {
  const privateKey = createPrivateKey(key)
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  return new SignJWT({ htm: 'POST', htu: url })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: { ...jwk } })
    .setIssuedAt()
    .setJti(randomUUID())
    .sign(privateKey)
}

async function json<Content>(url: string, init?: RequestInit): Promise<Content> {
  return JSON.parse(await (await fetch(url, init)).text())
}
