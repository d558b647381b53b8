import { type Clock, Misconfigured, requireNumber } from '@countermark/core'
import { requireBoolean, systemClock } from '@countermark/core/internal'
import { type CheckedFetch, checkFetch, type UnderlyingFetch } from '../fetch/underlying-fetch.ts'
import { createDpopProver, type DpopKey, type DpopProver } from '../forms/dpop.ts'
import { createJoseSigner, type JoseSigner } from '../jose-signer.ts'
import { createSigningIdentity, IDENTITY_OPTIONS, type KeyAtHand, type KeyElsewhere } from '../signing-key.ts'

/** Where tokens come from, and who asks. */
interface TokenEndpointSettings {
  /** Such as `https://id.example.com/token`. Redirects are not followed. Required. */
  readonly tokenEndpoint: string
  /** Who we are to the authorization server; proven with our key (`private_key_jwt`, RFC 7523). Required. */
  readonly clientId: string
  /** The authorization server's issuer identifier, where assertions must be addressed to it. @default tokenEndpoint */
  readonly issuer?: string
  /** Binds tokens to this key (RFC 9449); `true`: the one that signs. A token of type Bearer is then refused. @default none */
  readonly dpop?: DpopKey
  /** How long before its end a token is replaced. Seconds. @default 30 */
  readonly refreshBeforeSeconds?: number
  /** How long an answer may take. Seconds. @default 10 */
  readonly timeoutSeconds?: number
  /** Allows `http` at 127.0.0.1, [::1] and localhost. @default false */
  readonly allowLoopbackHttp?: boolean
  /** @default the global `fetch` */
  readonly fetch?: UnderlyingFetch
  /** @default the machine's clock */
  readonly clock?: Clock
}

/** The same with the key that asks. */
export type TokenEndpointOptions = TokenEndpointSettings & (KeyAtHand | KeyElsewhere)

/** The names of these options. */
export const TOKEN_ENDPOINT_OPTIONS: readonly string[] = [
  ...['tokenEndpoint', 'clientId', 'issuer', 'dpop', 'refreshBeforeSeconds', 'timeoutSeconds', 'allowLoopbackHttp'],
  ...['fetch', 'clock', ...IDENTITY_OPTIONS],
]

/** Options after validation. */
export interface TokenEndpointRules {
  readonly url: URL
  readonly clientId: string
  readonly assertionAudience: string
  readonly signer: JoseSigner
  readonly prover: DpopProver | undefined
  readonly refreshBeforeSeconds: number
  readonly timeoutMs: number
  readonly fetch: CheckedFetch
  readonly clock: Clock
}

/**
 * Validates where tokens come from.
 * @throws Misconfigured
 */
export function readTokenEndpointOptions(options: TokenEndpointOptions): TokenEndpointRules {
  const { clientId, issuer, dpop, allowLoopbackHttp = false, refreshBeforeSeconds = 30, timeoutSeconds = 10 } = options
  const url = requireEndpoint(options.tokenEndpoint, requireBoolean('allowLoopbackHttp', allowLoopbackHttp))
  const identity = createSigningIdentity(options)
  if (!isText(clientId)) throw new Misconfigured('ERR_OPTION_MISSING', 'clientId must say who asks')
  if (!(issuer === undefined || isText(issuer))) throw invalid('issuer must be text')
  return {
    url,
    clientId,
    assertionAudience: issuer ?? options.tokenEndpoint,
    signer: createJoseSigner(identity),
    prover: dpop === undefined ? undefined : createDpopProver(dpop, identity),
    refreshBeforeSeconds: requireNumber('refreshBeforeSeconds', refreshBeforeSeconds, { min: 0, max: 86_400 }),
    timeoutMs: requireNumber('timeoutSeconds', timeoutSeconds, { min: 0.01, max: 300 }) * 1000,
    fetch: checkFetch(options.fetch),
    clock: options.clock ?? systemClock,
  }
}

function requireEndpoint(text: unknown, allowLoopbackHttp: boolean): URL {
  if (isSecureUrl(text, allowLoopbackHttp)) return new URL(text)
  throw invalid('tokenEndpoint must be an https URL without credentials and fragment')
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Whether a text is an https URL, or one of this machine where that is allowed, without credentials and fragment. */
export function isSecureUrl(text: unknown, allowLoopbackHttp: boolean): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, hostname, username, password, hash } = new URL(text)
  const isLocal = allowLoopbackHttp && protocol === 'http:' && LOOPBACK.has(hostname)
  return (protocol === 'https:' || isLocal) && username === '' && password === '' && hash === ''
}
