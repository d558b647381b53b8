import { createPrivateKey, createPublicKey, hash, type KeyObject, randomUUID, sign } from 'node:crypto'
import { type Clock, importPublicKey, isRefusal, Misconfigured, type Refusal } from '@countermark/core'
import {
  custom,
  isJsonObject,
  type JsonObject,
  methods,
  number,
  optionTable,
  ownMember,
  type PublicJwk,
  systemClock,
  text,
  thumbprintOf,
} from '@countermark/core/internal'
import { parseConfirmation } from '../binding/confirmation.ts'
import { requireNames, requireTexts } from '../option-readers.ts'
import { fitsKey } from '../token/jose-algorithm.ts'
import { isTime, parseCompactJws } from '../token/jws.ts'
import { MAX_TOKEN_LENGTH, TOKEN_RULES } from '../token/presented-token.ts'
import { LINK_TYPE, SEPARATOR } from './link.ts'

/** Signs elsewhere, such as in a KMS or an HSM. */
export interface LinkSigner {
  /** JOSE name of what it signs with. */
  readonly algorithm: 'EdDSA' | 'ES256' | 'ES384' | 'PS512'
  /** JWK thumbprint of the key: the one that the token is bound to. */
  readonly thumbprint: string
  /** ECDSA signatures are `r || s` (RFC 7518 section 3.4). */
  readonly sign: (data: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** What is handed on, to whom, and how far. */
export interface DelegateOfflineOptions {
  /** The token as it was received, links included. */
  readonly token: string
  /** The key that the token is bound to: the private half, as a KeyObject or PEM, or what signs with it. */
  readonly key: KeyObject | string | LinkSigner
  /** Who hands it on, where the token says so by another claim than `act`. @default `act.sub`, or `sub` */
  readonly from?: string
  /** Who receives it. Its key is a public JWK, or a thumbprint that services know. */
  readonly to: { readonly agentId: string; readonly key: PublicJwk | JsonObject | string }
  /** What the receiver may do: nothing that is not in the token. */
  readonly scopes: readonly string[]
  /** How long the receiver may do it; never longer than the token lives. @default 300 */
  readonly lifetimeSeconds?: number
  /** The services that it counts for, out of those of the token. @default all of them */
  readonly audience?: string | readonly string[]
  /** Constraints that hold besides those of the token (RFC 9396). */
  readonly authorizationDetails?: readonly JsonObject[]
  /** How often the receiver may hand it on. @default 0 */
  readonly maxDepth?: number
  /** @default the machine's clock */
  readonly clock?: Clock
}

const OPTIONS = optionTable('delegateOffline', {
  token: custom((_name, given) => given as DelegateOfflineOptions['token']),
  key: custom((_name, given) => toSigner(given as DelegateOfflineOptions['key'])),
  from: text(),
  to: custom((_name, given) => readReceiver(given as DelegateOfflineOptions['to'])),
  scopes: custom((name, given) => requireScopes(name, given)),
  lifetimeSeconds: number({ min: 1, max: 86_400, default: 300 }),
  audience: custom((name, given) => (given === undefined ? undefined : requireNames(name, given))),
  authorizationDetails: custom((_name, given) => given as DelegateOfflineOptions['authorizationDetails']),
  maxDepth: number({ min: 0, max: 15, default: 0 }),
  clock: methods<Clock>(['wallMs']),
})

/**
 * Hands part of a token on to another agent, without a request to the issuer: signs a link and puts it behind the token. The result
 * goes where the token would go, and only the receiver can use it.
 * @example
 * const token = await delegateOffline({ token, key, to: { agentId: 'agt_worker', key: workerJwk }, scopes: ['orders:read'] })
 * @throws {@link Misconfigured} for what services would refuse, {@link Refusal} `token_malformed`
 */
export async function delegateOffline(options: DelegateOfflineOptions): Promise<string> {
  const settings = OPTIONS.read(options)
  const { key: signer, token } = settings
  const before = readLast(token)
  if (before.thumbprint !== signer.thumbprint) throw invalid('key must be the one that the token is bound to')
  const header = { typ: LINK_TYPE, alg: signer.algorithm, kid: signer.thumbprint }
  const signingInput = `${encode(header)}.${encode(createClaims(settings, before))}`
  const signature = await signer.sign(Buffer.from(signingInput, 'latin1'))
  const link = `${signingInput}.${Buffer.from(signature).toString('base64url')}`
  const handedOn = `${token}${SEPARATOR}${link}`
  if (handedOn.length > MAX_TOKEN_LENGTH) throw invalid('token with its links has grown too long')
  return handedOn
}

/** What the token, or the last link, says. Not verified: the services that receive the result verify everything. */
interface LastGrant {
  readonly thumbprint: string
  readonly agentId: string
  readonly expiresAt: number
}

function readLast(token: string): LastGrant {
  const last = token.split(SEPARATOR).at(-1) ?? ''
  const { claims, type } = parseCompactJws(last, TOKEN_RULES)
  const binding = parseConfirmation(claims, true)
  if (!('thumbprint' in binding)) throw invalid('token must be bound to a key by jwk, kid or jkt')
  const act = ownMember(claims, 'act')
  const holder = type === LINK_TYPE || !isJsonObject(act) ? claims : act
  const [agentId, expiresAt] = [ownMember(holder, 'sub'), ownMember(claims, 'exp')]
  if (typeof agentId !== 'string' || !isTime(expiresAt)) throw invalid('token must say who acts, and until when')
  return { thumbprint: binding.thumbprint, agentId, expiresAt }
}

function createClaims(settings: ReturnType<typeof OPTIONS.read>, before: LastGrant): JsonObject {
  const { token, from, to, scopes, lifetimeSeconds, audience, authorizationDetails, maxDepth } = settings
  const now = Math.floor((settings.clock ?? systemClock).wallMs() / 1000)
  return {
    iss: from ?? before.agentId,
    ...to,
    prv: hash('sha256', token, 'base64url'),
    scope: scopes.join(' '),
    ...(audience === undefined ? {} : { aud: audience }),
    ...(authorizationDetails === undefined ? {} : { authorization_details: authorizationDetails }),
    max_depth: maxDepth,
    iat: now,
    exp: Math.min(before.expiresAt, now + lifetimeSeconds),
    jti: randomUUID(),
  }
}

function requireScopes(name: string, given: unknown): readonly string[] {
  const scopes = requireTexts(name, given)
  if (scopes.some((scope) => scope.includes(' '))) throw invalid('scopes must hold no spaces')
  return scopes
}

function readReceiver({ agentId, key }: DelegateOfflineOptions['to']): JsonObject {
  const [sub] = requireNames('to.agentId', agentId)
  return { sub, cnf: typeof key === 'string' ? { kid: key } : { jwk: readPublicKey(key) } }
}

function readPublicKey({ kty, crv, x, y, n, e }: PublicJwk | JsonObject): JsonObject {
  const jwk = { kty, crv, x, y, n, e }
  try {
    importPublicKey(jwk, { allowTestKeys: true })
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new Misconfigured('ERR_KEY_MATERIAL', `to.key cannot be used: ${error.message}`)
  }
  return jwk
}

/** What each algorithm hashes with; Ed25519 hashes by itself. */
const DIGESTS = { EdDSA: undefined, ES256: 'sha256', ES384: 'sha384' } as const

function toSigner(given: DelegateOfflineOptions['key']): LinkSigner {
  if (typeof given === 'object' && 'sign' in given) return given
  const key = typeof given === 'string' ? tryParseKey(given) : given
  const known = key?.type === 'private' ? tryDescribe(key) : undefined
  if (key === undefined || known === undefined) {
    throw new Misconfigured('ERR_KEY_MATERIAL', 'key must be a private Ed25519 or ECDSA key')
  }
  const digest = DIGESTS[known.algorithm]
  return { ...known, sign: (data) => sign(digest, data, { key, dsaEncoding: 'ieee-p1363' }) }
}

function tryParseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined // OpenSSL's words may quote the text
  }
}

function tryDescribe(
  key: KeyObject,
): (Pick<LinkSigner, 'thumbprint'> & { readonly algorithm: keyof typeof DIGESTS }) | undefined {
  const publicKey = createPublicKey(key)
  try {
    const algorithm = (['EdDSA', 'ES256', 'ES384'] as const).find((name) => fitsKey(name, publicKey))
    return algorithm && { algorithm, thumbprint: thumbprintOf(publicKey.export({ format: 'jwk' })) }
  } catch {
    return undefined // Node writes no JWK for keys of other kinds
  }
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
