import { Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import { requireBoolean, requireStrings } from '@countermark/core/internal'
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

/** Names of {@link FetcherOptions}, for packages whose options include them. */
export const FETCHER_OPTIONS: readonly (keyof FetcherOptions)[] = [
  ...(['allowHttp', 'allowPrivateAddresses', 'ports', 'maxBytes', 'deadlineMs', 'maxDepth', 'contentTypes'] as const),
  ...(['headers', 'ca', 'resolve', 'fetch'] as const),
]

/**
 * Checks the options of a fetcher.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`
 */
export function readFetcherOptions(options: FetcherOptions): FetcherRules {
  requireKnownOptions('createFetcher', options, FETCHER_OPTIONS)
  const { contentTypes = ['application/json'] } = options
  const allowHttp = requireBoolean('allowHttp', options.allowHttp ?? false)
  const allowPrivateAddresses = requireBoolean('allowPrivateAddresses', options.allowPrivateAddresses ?? false)
  const maxBytes = requireNumber('maxBytes', options.maxBytes ?? 262_144, { min: 1, max: 16_777_216 })
  return {
    allowHttp,
    // A fetch of the user's own decides by itself what it connects to.
    allowPrivateAddresses: allowPrivateAddresses || options.fetch !== undefined,
    ports: readPorts(options.ports ?? (allowHttp ? [443, 80] : [443])),
    maxBytes,
    deadlineMs: requireNumber('deadlineMs', options.deadlineMs ?? 3_000, { min: 1, max: 60_000 }),
    maxDepth: requireNumber('maxDepth', options.maxDepth ?? 8, { min: 1, max: 64 }),
    contentTypes: requireStrings('contentTypes', contentTypes).map((type) => type.toLowerCase()),
    headers: { ...options.headers },
    transport: chooseTransport(options, maxBytes),
  }
}

function readPorts(ports: readonly number[] | 'any'): readonly number[] | 'any' {
  if (ports === 'any') return ports
  return ports.map((port) => requireNumber('ports', port, { min: 1, max: 65_535 }))
}

function chooseTransport(options: FetcherOptions, maxBytes: number): Transport {
  const { fetch, allowPrivateAddresses = false, resolve = systemResolve, ca } = options
  if (fetch === undefined) return createNodeTransport({ maxBytes, allowPrivateAddresses, resolve, ca })
  if (options.allowPrivateAddresses !== undefined || options.resolve !== undefined || ca !== undefined) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'allowPrivateAddresses, resolve and ca have no effect beside fetch; leave them out',
    )
  }
  return createFetchTransport(fetch)
}
