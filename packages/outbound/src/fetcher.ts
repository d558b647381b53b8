import { checkUrl } from './check-url.ts'
import { withinDeadline } from './deadline.ts'
import { decodeUtf8, freshForSeconds, parseBoundedJson, retryAfterSeconds } from './document.ts'
import { type FetcherOptions, readFetcherOptions } from './fetcher-options.ts'
import { type OutboundDetails, OutboundError } from './outbound-error.ts'
import type { Answer } from './transport.ts'

/** A document that others wrote, inside all limits. Its content is still theirs. */
export interface TextDocument {
  /** The document as it was sent. */
  readonly text: string
  /** A header field of the answer by lower-case name. */
  readonly header: (name: string) => string | undefined
  /** How long it is fresh by its own word. */
  readonly freshForSeconds: number | undefined
}

/** The same, parsed: check it member by member. */
export interface JsonDocument extends TextDocument {
  readonly value: unknown
}

/** How a receiver took a notice. */
export interface Receipt {
  /** Any status but a redirect. */
  readonly status: number
  /** When the receiver wants to be asked again. Seconds. */
  readonly retryAfterSeconds: number | undefined
}

/** Fetches documents from others. */
export interface Fetcher {
  /**
   * Refuses a URL that {@link Fetcher.fetchJson} would never fetch, while the application starts.
   * @throws {@link OutboundError} `url_refused`, `address_refused`
   */
  readonly checkUrl: (url: string) => URL
  /** @throws {@link OutboundError} */
  readonly fetchJson: (url: string, signal?: AbortSignal) => Promise<JsonDocument>
  /** For documents that are not JSON, such as a signed list. @throws {@link OutboundError} */
  readonly fetchText: (url: string, signal?: AbortSignal) => Promise<TextDocument>
  /** Sends a form, as OAuth endpoints take it. @throws {@link OutboundError} */
  readonly postForm: (
    url: string,
    form: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ) => Promise<JsonDocument>
  /** Sends a text of JSON; what comes back is not parsed. @throws {@link OutboundError} */
  readonly postJson: (url: string, json: string, signal?: AbortSignal) => Promise<TextDocument>
  /** Posts a JSON text. Any status but a redirect is an answer; its content is not read. @throws {@link OutboundError} */
  readonly notify: (
    url: string,
    content: string,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ) => Promise<Receipt>
}

/** What a request carries. */
interface SentContent {
  readonly type: string
  readonly text: string
}

/**
 * Makes a fetcher that a hostile server cannot hurt: https to public addresses only, each resolved once and connected
 * to as checked; no redirects; limits of bytes, depth, media type and time. Every loosening has a name in its options.
 *
 * @example
 * const fetcher = createFetcher()
 * const { value } = await fetcher.fetchJson('https://agents.example/jwks.json')
 */
export function createFetcher(options: FetcherOptions = {}): Fetcher {
  const rules = readFetcherOptions(options)
  const headers = { accept: rules.contentTypes.join(', '), 'user-agent': 'countermark', ...rules.headers }

  async function receive(url: URL, signal: AbortSignal, content?: SentContent): Promise<TextDocument> {
    const sent = content === undefined ? headers : { ...headers, 'content-type': content.type }
    const answer = await rules.transport(url, sent, signal, content?.text)
    requireAcceptable(answer, rules.contentTypes)
    const text = decodeUtf8(await readBytes(answer, rules.maxBytes))
    return { text, header: answer.header, freshForSeconds: freshForSeconds(answer.header) }
  }

  async function notify(url: URL, content: string, more: Readonly<Record<string, string>>, signal: AbortSignal) {
    const sent = { ...headers, 'content-type': 'application/json', ...more }
    const { status, header } = await rules.transport(url, sent, signal, content)
    if (status >= 300 && status < 400) throw redirected({ status })
    return { status, retryAfterSeconds: retryAfterSeconds(header) }
  }

  const fetchText = async (url: string, outer?: AbortSignal, content?: SentContent): Promise<TextDocument> => {
    const checked = checkUrl(url, rules)
    return withinDeadline(rules.deadlineMs, outer, (signal) => receive(checked, signal, content))
  }
  const toJson = (document: TextDocument): JsonDocument => {
    return { ...document, value: parseBoundedJson(document.text, rules.maxDepth) }
  }

  return {
    checkUrl: (url) => checkUrl(url, rules),
    fetchJson: async (url, outer) => toJson(await fetchText(url, outer)),
    fetchText: (url, outer) => fetchText(url, outer),
    postForm: async (url, form, outer) => {
      const text = new URLSearchParams(form).toString()
      return toJson(await fetchText(url, outer, { type: 'application/x-www-form-urlencoded', text }))
    },
    postJson: (url, text, outer) => fetchText(url, outer, { type: 'application/json', text }),
    notify: async (url, content, more, outer) => {
      const checked = checkUrl(url, rules)
      return withinDeadline(rules.deadlineMs, outer, (signal) => notify(checked, content, more, signal))
    },
  }
}

function requireAcceptable(answer: Answer, contentTypes: readonly string[]): void {
  const { status, header } = answer
  const contentType = header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  const details = { status, contentType, retryAfterSeconds: retryAfterSeconds(header) }
  if (status >= 300 && status < 400) throw redirected(details)
  if (status !== 200) throw new OutboundError('status_refused', 'expected status 200', details)
  if (contentType === undefined || !contentTypes.includes(contentType)) {
    throw new OutboundError('content_type_refused', `expected ${contentTypes.join(' or ')}`, details)
  }
}

function redirected(details: OutboundDetails): OutboundError {
  return new OutboundError('redirected', 'redirects are not followed', details)
}

async function readBytes(answer: Answer, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = new OutboundError('too_large', `the answer exceeds ${maxBytes} bytes`)
  if (Number(answer.header('content-length')) > maxBytes) throw tooLarge
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
