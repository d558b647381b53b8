import { type Clock, Misconfigured } from '@countermark/core'
import { custom, flag, number, optionTable, text } from '@countermark/core/internal'
import type { CheckedFetch, UnderlyingFetch } from '../fetch/underlying-fetch.ts'
import { createDpopProver, type DpopKey, type DpopProver } from '../forms/dpop.ts'
import { createJoseSigner, type JoseSigner } from '../jose-signer.ts'
import { CLOCK, FETCH, given } from '../option-readers.ts'
import { createSigningIdentity, IDENTITY_OPTIONS, type KeyAtHand, type KeyElsewhere } from '../signing-key.ts'
import { SCOPES, type ScopeRules, TARGET, type TokenScope } from './agent-token.ts'

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

/** The same with what is asked for, and the key that asks. */
export type TokenEndpointOptions = TokenEndpointSettings & TokenScope & (KeyAtHand | KeyElsewhere)

const ROWS = {
  tokenEndpoint: given<string>(),
  clientId: custom((_name, clientId) => requireClientId(clientId)),
  issuer: text(),
  resource: TARGET,
  audience: TARGET,
  scopes: SCOPES,
  dpop: given<DpopKey | undefined>(),
  refreshBeforeSeconds: number({ min: 0, max: 86_400, default: 30 }),
  timeoutSeconds: number({ min: 0.01, max: 300, default: 10 }),
  allowLoopbackHttp: flag(false),
  fetch: FETCH,
  clock: CLOCK,
}

/** Options after validation. */
export interface TokenEndpointRules extends ScopeRules {
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
 * Validates where the tokens of a source come from; `others` are names of its own options.
 * @throws Misconfigured
 */
export function readTokenEndpointOptions(
  source: string,
  options: TokenEndpointOptions,
  others: readonly string[] = [],
): TokenEndpointRules {
  const { tokenEndpoint, issuer, dpop, allowLoopbackHttp, timeoutSeconds, ...settings } = optionTable(
    source,
    ROWS,
  ).read(options, '', [...IDENTITY_OPTIONS, ...others])
  if (!isSecureUrl(tokenEndpoint, allowLoopbackHttp)) {
    const message = 'tokenEndpoint must be an https URL without credentials and fragment'
    throw new Misconfigured('ERR_OPTION_INVALID', message)
  }
  const identity = createSigningIdentity(options)
  return {
    ...settings,
    url: new URL(tokenEndpoint),
    assertionAudience: issuer ?? tokenEndpoint,
    signer: createJoseSigner(identity),
    prover: dpop === undefined ? undefined : createDpopProver(dpop, identity),
    timeoutMs: timeoutSeconds * 1000,
  }
}

function requireClientId(clientId: unknown): string {
  if (typeof clientId === 'string' && clientId !== '') return clientId
  throw new Misconfigured('ERR_OPTION_MISSING', 'clientId must say who the client is')
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Whether a text is an https URL, or one of this machine where that is allowed, without credentials and fragment. */
export function isSecureUrl(text: unknown, allowLoopbackHttp: boolean): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, hostname, username, password, hash } = new URL(text)
  const isLocal = allowLoopbackHttp && protocol === 'http:' && LOOPBACK.has(hostname)
  return (protocol === 'https:' || isLocal) && username === '' && password === '' && hash === ''
}
