import { Misconfigured } from '@countermark/core'
import { custom, flag, methods, type OptionReader } from '@countermark/core/internal'
import {
  createFetcher,
  type Fetcher,
  type FetcherOptions,
  isOutboundError,
  type RefreshTimes,
  type SecondLevel,
} from '@countermark/outbound'
import { FETCHER_OPTIONS, REFRESH_TIMES } from '@countermark/outbound/internal'

/** How a source fetches keys and keeps them: the options of `@countermark/outbound`, and these. */
export interface RemoteKeysOptions extends FetcherOptions, RefreshTimes {
  /** Names the source in metrics: lower case, digits, `_`. @default 'jwks' or 'registry' */
  readonly name?: string
  /** Ports that may be connected to. @default the port in the URL, or 443 and 80 */
  readonly ports?: readonly number[] | 'any'
  /** Media types accepted. @default ['application/json'], and `application/jwk-set+json` for `jwks` */
  readonly contentTypes?: readonly string[]
  /** A cache that all processes share, such as `redisSecondLevel(client)`. @default none */
  readonly secondLevel?: SecondLevel
  /** Accept keys printed in public documents. @default false */
  readonly allowTestKeys?: boolean
}

/** Checked options. */
export interface RemoteKeysRules {
  readonly name: string
  readonly url: URL
  readonly fetcher: Fetcher
  readonly times: RefreshTimes
  readonly secondLevel: SecondLevel | undefined
  /** What sets the source's documents apart from those of others in the second level. */
  readonly namespace: string
  readonly allowTestKeys: boolean
}

/** Keys that one fetched document may hold. */
export const MAX_DOCUMENT_KEYS = 50

/** Keys whose import one source remembers: a document that is fetched again brings the same ones. */
export const MAX_REMEMBERED_KEYS = 20_000

/** What a kind of source has of its own. */
export interface RemoteKind {
  readonly name: 'jwks' | 'registry'
  readonly contentTypes: readonly string[]
}

/** What every remote source has besides the options of `@countermark/outbound`, after validation. */
export type RemoteSettings = Pick<RemoteKeysRules, 'name' | 'secondLevel' | 'allowTestKeys'>

/** The rows of the options that every remote source has. */
export function remoteRows(kind: RemoteKind): {
  readonly [Name in keyof RemoteSettings]: OptionReader<RemoteSettings[Name]>
} {
  return {
    name: sourceName(kind.name),
    secondLevel: methods<SecondLevel>(['get', 'set']),
    allowTestKeys: flag(false),
  }
}

/** Options that `@countermark/outbound` reads. */
export const OUTBOUND_OPTIONS: readonly string[] = [...FETCHER_OPTIONS, ...REFRESH_TIMES]

/**
 * Prepares a remote source, and checks that its URL may ever be fetched.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function createRemoteRules(
  kind: RemoteKind,
  url: string,
  { name, secondLevel, allowTestKeys }: RemoteSettings,
  options: RemoteKeysOptions,
): RemoteKeysRules {
  const fetcherOptions = { contentTypes: kind.contentTypes, ports: portsOf(url), ...pick(options, FETCHER_OPTIONS) }
  const { fetcher, checked } = createCheckedFetcher(kind.name, url, fetcherOptions)
  const namespace = JSON.stringify([kind.name, name, checked.href, Object.entries(options.headers ?? {}).sort()])
  return { name, url: checked, fetcher, times: pick(options, REFRESH_TIMES), secondLevel, namespace, allowTestKeys }
}

const PRELOAD_FETCHER = { maxBytes: 16_777_216, deadlineMs: 10_000 } as const

/** Fetches a document of all agents, which is longer and takes longer. */
export function createPreloadFetcher(url: string, options: RemoteKeysOptions): Fetcher {
  const fetcherOptions = { ports: portsOf(url), ...pick(options, FETCHER_OPTIONS), ...PRELOAD_FETCHER }
  return createCheckedFetcher('registry', url, fetcherOptions).fetcher
}

/** A port that the operator wrote into the URL needs no second mention. */
function portsOf(url: string): readonly number[] {
  const port = URL.canParse(url) ? Number(new URL(url).port) : 0
  return port === 0 ? [443, 80] : [port]
}

function createCheckedFetcher(
  kind: string,
  url: string,
  options: FetcherOptions,
): { readonly fetcher: Fetcher; readonly checked: URL } {
  try {
    const fetcher = createFetcher(options)
    return { fetcher, checked: fetcher.checkUrl(url) }
  } catch (error) {
    if (!isOutboundError(error)) throw error
    throw new Misconfigured('ERR_OPTION_INVALID', `${kind}: ${error.message}`)
  }
}

function pick(options: RemoteKeysOptions, names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => names.includes(name) && value !== undefined),
  )
}

/** The name of a source, which becomes the value of a metric label. */
export function sourceName(fallback: string): OptionReader<string> {
  return custom((_name, given = fallback) => {
    if (typeof given === 'string' && /^[a-z][a-z0-9_]{0,31}$/.test(given)) return given
    throw new Misconfigured('ERR_OPTION_INVALID', 'name must be up to 32 of a-z 0-9 _ and start with a letter')
  })
}
