import { OutboundError } from './outbound-error.ts'

/** An answer whose content has not been read. */
export interface Answer {
  readonly status: number
  /** A header field by lower-case name; several lines are joined by commas. */
  readonly header: (name: string) => string | undefined
  /** The content, content codings undone. Leaving the loop early ends the connection. */
  readonly body: AsyncIterable<Uint8Array>
}

/**
 * Sends one GET, or one POST of content, and gives the answer as it is, redirects included. Ends what it opened when the
 * signal fires.
 */
export type Transport = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  content?: string,
) => Promise<Answer>

/** What is used of a `Response`. */
export interface FetchedResponse {
  readonly status: number
  readonly redirected: boolean
  readonly headers: { readonly get: (name: string) => string | null }
  readonly body: AsyncIterable<Uint8Array> | null
}

/** A `fetch` of the user's, the global one or undici's for example. Which addresses it reaches is its own affair. */
export type FetchFunction = (
  url: string,
  init: {
    readonly method: 'GET' | 'POST'
    readonly headers: Record<string, string>
    readonly redirect: 'manual'
    readonly signal: AbortSignal
    readonly body?: string
  },
) => Promise<FetchedResponse>

/** Sends by a user's `fetch`. */
export function createFetchTransport(fetch: FetchFunction): Transport {
  return async (url, headers, signal, content) => {
    const response = await send(fetch, url, { headers, signal, content })
    // A browser-like fetch hides a redirect behind status 0; one that ignores `manual` has followed it.
    const status = response.redirected || response.status === 0 ? 302 : response.status
    return { status, header: (name) => response.headers.get(name) ?? undefined, body: readable(response) }
  }
}

async function send(
  fetch: FetchFunction,
  url: URL,
  given: {
    readonly headers: Readonly<Record<string, string>>
    readonly signal: AbortSignal
    readonly content: string | undefined
  },
): Promise<FetchedResponse> {
  const { headers, signal, content } = given
  const sent = content === undefined ? ({ method: 'GET' } as const) : ({ method: 'POST', body: content } as const)
  try {
    return await fetch(url.href, { ...sent, headers: { ...headers }, redirect: 'manual', signal })
  } catch (cause) {
    throw new OutboundError('connection_failed', 'the request got no answer', { cause })
  }
}

async function* readable(response: FetchedResponse): AsyncIterable<Uint8Array> {
  if (response.body === null) return
  try {
    for await (const chunk of response.body) yield chunk
  } catch (cause) {
    throw new OutboundError('connection_failed', 'the answer broke off', { cause })
  }
}
