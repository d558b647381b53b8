import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { coversScope } from '@countermark/capability'
import { permitsActor } from '@countermark/delegation'
import { calculateJwkThumbprint, decodeJwt, EmbeddedJWK, type JWK, type JWTPayload, jwtVerify } from 'jose'
import type { Claims } from './issuer.ts'

/** What a user agreed to: this agent may have tokens for some of it, again and again. */
export interface Consent {
  readonly user: string
  readonly agentId: string
  /** The service that they are for. */
  readonly audience: string
  readonly scopes: readonly string[]
  /** How long each token lives. Seconds. @default 60 */
  readonly tokenSeconds?: number
}

/** What the token endpoint of the demo is made of. */
export interface TokenEndpointOptions {
  readonly url: string
  readonly mint: (claims: Claims) => Promise<string>
  /** A token that was minted here. Throws for any other. */
  readonly verify: (token: string) => Promise<JWTPayload>
  /** The key of an agent as the registry has it. */
  readonly findKey: (agentId: string) => JWK | undefined
  readonly findConsent: (refreshToken: string) => Consent | undefined
}

/** Answers `POST /token` (RFC 6749 section 3.2). */
export type TokenEndpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Creates a token endpoint that knows agents by their keys, consents of users and token exchange, and binds what it gives. It
 * remembers no `jti`: whoever takes one for a model must use up assertions and proofs.
 */
export function createTokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  return async (request, response) => {
    const { status, content } = await grant(options, request).catch((error: unknown) => ({
      status: 400,
      content: { error: error instanceof OauthError ? error.message : 'invalid_request' },
    }))
    const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
    response.writeHead(status, headers).end(JSON.stringify(content))
  }
}

/** Its message is a word of RFC 6749 section 5.2. */
class OauthError extends Error {}

/** A client that has proven who it is. */
interface Client {
  readonly agentId: string
  readonly publicJwk: JWK
}

type Grant = (form: URLSearchParams, client: Client, options: TokenEndpointOptions) => Claims | Promise<Claims>

const GRANTS: Readonly<Record<string, Grant>> = {
  refresh_token: refresh,
  'urn:ietf:params:oauth:grant-type:token-exchange': exchange,
}

async function grant(options: TokenEndpointOptions, request: IncomingMessage) {
  const form = new URLSearchParams(await text(request))
  const client = await authenticate(form, options)
  const claims = await GRANTS[form.get('grant_type') ?? '']?.(form, client, options)
  if (claims === undefined) throw new OauthError('unsupported_grant_type')
  const proof = request.headers['dpop']
  const jkt = proof === undefined ? undefined : await verifyProof(String(proof), options)
  const token = await options.mint({
    ...claims,
    scope: form.get('scope') ?? '',
    client_id: client.agentId,
    cnf: jkt === undefined ? { jwk: client.publicJwk } : { jkt },
  })
  const { iat = 0, exp = 0 } = decodeJwt(token)
  const type = jkt === undefined ? 'Bearer' : 'DPoP'
  return { status: 200, content: { access_token: token, token_type: type, expires_in: exp - iat - 1 } }
}

/** RFC 7523 section 2.2: a client shows its key. */
async function authenticate(form: URLSearchParams, { url, findKey }: TokenEndpointOptions): Promise<Client> {
  const [agentId, assertion] = [form.get('client_id') ?? '', form.get('client_assertion') ?? '']
  const publicJwk = findKey(agentId)
  if (publicJwk === undefined) throw new OauthError('invalid_client')
  const expected = { issuer: agentId, subject: agentId, audience: url, maxTokenAge: 60 }
  const verified = await jwtVerify(assertion, { alg: 'EdDSA', ...publicJwk }, expected).catch(() => undefined)
  if (verified === undefined) throw new OauthError('invalid_client')
  return { agentId, publicJwk }
}

/** RFC 6749 section 6: the user agreed before. */
function refresh(form: URLSearchParams, { agentId }: Client, { findConsent }: TokenEndpointOptions): Claims {
  const consent = findConsent(form.get('refresh_token') ?? '')
  if (consent?.agentId !== agentId) throw new OauthError('invalid_grant')
  const { user, audience, scopes, tokenSeconds = 60 } = consent
  requireNoMore(form, { audience, scopes })
  const now = Math.floor(Date.now() / 1000)
  return { sub: user, aud: audience, act: { sub: agentId }, max_depth: 1, iat: now - 1, exp: now + tokenSeconds }
}

/** RFC 8693: an agent gets part of what another one has, and the token says through whose hands it went. */
async function exchange(form: URLSearchParams, client: Client, { url, verify }: TokenEndpointOptions): Promise<Claims> {
  const subject = await verify(form.get('subject_token') ?? '').catch(() => undefined)
  const issuer = new URL(url).origin
  if (subject === undefined || !permitsActor({ ...subject }, { id: client.agentId, issuer })) {
    throw new OauthError('invalid_request')
  }
  const { sub, aud, exp, act, scope, authorization_details, restrictip } = subject
  requireNoMore(form, { audience: String(aud), scopes: String(scope).split(' ') })
  // What limited the token before limits this one as well.
  return { sub, aud, exp, act: { sub: client.agentId, act }, authorization_details, restrictip }
}

function requireNoMore(
  form: URLSearchParams,
  { audience, scopes }: { readonly audience: string; readonly scopes: readonly string[] },
): void {
  // RFC 8707 section 2.
  if ((form.get('audience') ?? audience) !== audience) throw new OauthError('invalid_target')
  const wanted = (form.get('scope') ?? '').split(' ')
  if (!wanted.every((scope) => scopes.some((one) => coversScope(one, scope)))) throw new OauthError('invalid_scope')
}

/** RFC 9449 section 5: the token is bound to the key that the proof shows. */
async function verifyProof(proof: string, { url }: TokenEndpointOptions): Promise<string> {
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', maxTokenAge: 60 })
  if (payload['htm'] !== 'POST' || payload['htu'] !== url) throw new OauthError('invalid_dpop_proof')
  return calculateJwkThumbprint(protectedHeader.jwk ?? {})
}
