import { Misconfigured, requireNumber } from '@countermark/core'
import { callback, custom, flag, number, optionTable, requireObject, strings } from '@countermark/core/internal'
import { type ResolveAddresses, systemResolve } from './addresses.ts'
import type { UrlRules } from './check-url.ts'
import { createNodeTransport } from './node-transport.ts'
import { createFetchTransport, type FetchFunction, type Transport } from './transport.ts'

/** How documents are fetched. The defaults suit the public Internet; loopback development loosens them by name. */
export interface FetcherOptions {
  /** Fetch `http:` URLs too. @default false */
  readonly allowHttp?: boolean
  /** Connect to private, loopback and other non-global addresses too. @default false */
  readonly allowPrivateAddresses?: boolean
  /** Ports that may be connected to. @default [443], with 80 where `allowHttp` */
  readonly ports?: readonly number[] | 'any'
  /** Longest content accepted, after decoding. Bytes. @default 262_144 */
  readonly maxBytes?: number
  /** Time for everything together: DNS, connection, headers and content. Milliseconds. @default 3_000 */
  readonly deadlineMs?: number
  /** Deepest nesting of JSON accepted. @default 8 */
  readonly maxDepth?: number
  /** Media types accepted, without parameters. @default ['application/json'] */
  readonly contentTypes?: readonly string[]
  /** Further header fields to send, such as `authorization`. @default none */
  readonly headers?: Readonly<Record<string, string>>
  /** Connections that are kept open for later requests to the same place. @default 0: each request has its own */
  readonly connections?: number
  /** Certificate authorities to trust instead of the public ones, PEM. @default the public ones */
  readonly ca?: string | readonly string[]
  /** Finds the addresses of a name. @default the operating system's resolver */
  readonly resolve?: ResolveAddresses
  /** Takes over connecting, and with it the duty to stay away from private addresses; all other limits hold. @default node's own https */
  readonly fetch?: FetchFunction
}

/** Checked options with their defaults. */
export interface FetcherRules extends UrlRules {
  readonly maxBytes: number
  readonly deadlineMs: number
  readonly maxDepth: number
  readonly contentTypes: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly transport: Transport
}

const OPTIONS = optionTable('createFetcher', {
  allowHttp: flag(false),
  allowPrivateAddresses: flag(),
  ports: custom(readPorts),
  maxBytes: number({ min: 1, max: 16_777_216, default: 262_144 }),
  deadlineMs: number({ min: 1, max: 60_000, default: 3_000 }),
  maxDepth: number({ min: 1, max: 64, default: 8 }),
  contentTypes: strings(['application/json']),
  headers: custom((name, given = {}) => {
    requireObject(name, given as object)
    return { ...(given as Readonly<Record<string, string>>) }
  }),
  connections: number({ min: 0, max: 256, default: 0 }),
  ca: custom((_, given) => given as FetcherOptions['ca']),
  resolve: callback<ResolveAddresses>(),
  fetch: callback<FetchFunction>(),
})

/** Names of {@link FetcherOptions}, for packages whose options include them. */
export const FETCHER_OPTIONS: readonly (keyof FetcherOptions)[] = OPTIONS.names

/**
 * Checks the options of a fetcher.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`
 */
export function readFetcherOptions(options: FetcherOptions): FetcherRules {
  const settings = OPTIONS.read(options)
  const { allowHttp, allowPrivateAddresses = false, fetch, contentTypes, ports } = settings
  const { maxBytes, deadlineMs, maxDepth, headers } = settings
  return {
    ...{ allowHttp, maxBytes, deadlineMs, maxDepth, headers },
    // A fetch of the user's own decides by itself what it connects to.
    allowPrivateAddresses: allowPrivateAddresses || fetch !== undefined,
    ports: ports ?? (allowHttp ? [443, 80] : [443]),
    contentTypes: contentTypes.map((type) => type.toLowerCase()),
    transport: chooseTransport(settings),
  }
}

function readPorts(name: string, ports: unknown): FetcherOptions['ports'] {
  if (ports === undefined || ports === 'any') return ports
  if (Array.isArray(ports)) return ports.map((port) => requireNumber(name, port, { min: 1, max: 65_535 }))
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a list of ports, or 'any'`)
}

function chooseTransport(settings: ReturnType<typeof OPTIONS.read>): Transport {
  const { fetch, allowPrivateAddresses, resolve, ca, maxBytes, connections } = settings
  if (fetch === undefined) {
    const checks = { allowPrivateAddresses: allowPrivateAddresses ?? false, resolve: resolve ?? systemResolve }
    return createNodeTransport({ ...checks, maxBytes, ca, connections })
  }
  if (allowPrivateAddresses === undefined && resolve === undefined && ca === undefined) {
    return createFetchTransport(fetch)
  }
  const message = 'allowPrivateAddresses, resolve and ca have no effect beside fetch; leave them out'
  throw new Misconfigured('ERR_OPTION_INVALID', message)
}
