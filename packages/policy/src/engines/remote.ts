import { isMisconfigured, Misconfigured } from '@countermark/core'
import { isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'
import { createFetcher, type Fetcher, type FetcherOptions, isOutboundError } from '@countermark/outbound'
import { UnreadableAnswer } from '../answer/read-decision.ts'

/** How an engine elsewhere is reached. The operator chooses where it is, so that private addresses and all ports are allowed. */
export interface RemoteEngineOptions {
  /** Where it answers. `http:` only on this machine, unless `allowHttp`. */
  readonly url: string
  /** Further header fields, such as `authorization`. @default none */
  readonly headers?: Readonly<Record<string, string>>
  /** Ask over `http:` on other machines too, where the network is yours alone. @default false */
  readonly allowHttp?: boolean
  /** Longest answer. Bytes. @default 65_536 */
  readonly maxBytes?: number
  /** Connections kept open. @default 16 */
  readonly connections?: number
  /** Certificate authorities to trust instead of the public ones, PEM. @default the public ones */
  readonly ca?: string | readonly string[]
  /** Takes over connecting. @default node's own http */
  readonly fetch?: NonNullable<FetcherOptions['fetch']>
}

/** The names of {@link RemoteEngineOptions}. */
export const REMOTE_OPTIONS: readonly (keyof RemoteEngineOptions)[] = [
  ...(['url', 'headers', 'allowHttp', 'maxBytes', 'connections', 'ca', 'fetch'] as const),
]

/** Asks a question at one place. The deadline is the check's: it aborts the signal. */
export type Post = (url: string, question: unknown, signal: AbortSignal) => Promise<JsonObject>

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/
const ANSWER = { maxDepth: 16, maxMembers: 2_048 }
/** Beyond the longest deadline that the check takes. */
const DEADLINE_MS = 10_000

/**
 * Makes what asks an engine over HTTP: redirects are not followed, and an answer that two parsers may read differently is none.
 * @throws Misconfigured `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`
 */
export function createPost(owner: string, options: RemoteEngineOptions): Post {
  const fetcher = openFetcher(owner, options)
  return async (url, question, signal) => {
    const { text } = await fetcher.postJson(url, JSON.stringify(question), signal)
    return parseAnswer(text)
  }
}

function parseAnswer(text: string): JsonObject {
  let answer: unknown
  try {
    answer = parseStrictJson(text, ANSWER)
  } catch {
    throw new UnreadableAnswer('malformed', 'the answer is not JSON that every parser reads alike')
  }
  if (isJsonObject(answer)) return answer
  throw new UnreadableAnswer('malformed', 'the answer is no object')
}

function openFetcher(owner: string, options: RemoteEngineOptions): Fetcher {
  const { url, allowHttp, headers, maxBytes = 65_536, connections = 16, ca, fetch } = options
  if (typeof url !== 'string' || url === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', `${owner} needs url: where the engine answers`)
  }
  const isHere = URL.canParse(url) && LOOPBACK.test(new URL(url).hostname)
  try {
    const fetcher = createFetcher({
      allowHttp: allowHttp ?? isHere,
      ...(fetch === undefined ? { allowPrivateAddresses: true } : { fetch }),
      ports: 'any',
      maxBytes,
      connections,
      deadlineMs: DEADLINE_MS,
      ...(headers === undefined ? {} : { headers }),
      ...(ca === undefined ? {} : { ca }),
    })
    fetcher.checkUrl(url)
    return fetcher
  } catch (error) {
    if (isMisconfigured(error) || !isOutboundError(error)) throw error
    throw new Misconfigured('ERR_OPTION_INVALID', `${owner}: url cannot be used: ${error.message}`)
  }
}
