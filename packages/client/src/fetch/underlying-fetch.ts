import { Readable } from 'node:stream'
import { Misconfigured } from '@countermark/core'

/** What the `fetch` underneath is asked to send, with the caller's other members, such as `dispatcher`. */
interface UnderlyingInit {
  readonly method: string
  readonly headers: [name: string, value: string][]
  readonly body?: Uint8Array<ArrayBuffer> | Blob
  readonly signal?: AbortSignal
  readonly redirect: 'manual'
}

/** A `fetch` underneath: the global one, undici's, or one with a proxy. Must send what it is given and follow nothing. */
export type UnderlyingFetch = (url: string, init: UnderlyingInit) => Promise<Response>

/** The `fetch` underneath, of any library: it answers with a `Response` of the web, whose body is a stream of the web. */
export interface CheckedFetch {
  /** A method, so that a `fetch` that says it takes URLs alone may stand here: only some get a `Request`, see `send`. */
  ask(input: string | Request, init: UnderlyingInit): Promise<Response>
  /** Whether it may be asked with this `Request`: one of its own kind, as far as is known. */
  readonly takes: (request: Request) => boolean
}

/**
 * Takes a `fetch` of any library.
 * @throws Misconfigured `ERR_OPTION_INVALID` for what is known to be none
 */
export function checkFetch(fetch: UnderlyingFetch = globalFetch): CheckedFetch {
  if (typeof fetch !== 'function') throw invalid('fetch must be a function like the global fetch')
  if ('interceptors' in fetch) {
    throw invalid(
      "axios is no fetch; let axios call this one: axios.create({ adapter: 'fetch', env: { fetch: agentFetch } })",
    )
  }
  const { ask }: Pick<CheckedFetch, 'ask'> = { ask: fetch }
  return {
    ask: async (input, init) => toResponse(await ask(input, init)),
    takes: (request) => request instanceof Request === (fetch === globalFetch),
  }
}

/** Statuses whose answers have no content (Fetch standard, null body status). */
const WITHOUT_CONTENT: ReadonlySet<number> = new Set([101, 103, 204, 205, 304])

function toResponse(answer: unknown): Response {
  if (!isAnswer(answer)) {
    throw invalid('fetch must answer with a Response; wrap a client of another kind: (url, init) => new Response(…)')
  }
  if (isWebResponse(answer)) return answer
  const { status, statusText = '', body, url = '', redirected = false } = answer
  const hasContent = !WITHOUT_CONTENT.has(status)
  const content = toContent(body)
  if (!hasContent && content instanceof ReadableStream) content.cancel().catch(() => undefined)
  const headers = readHeaders(answer.headers)
  return withFacts(new Response(hasContent ? content : null, { status, statusText, headers }), { url, redirected })
}

/** What the `Response` of every library has. */
interface Answer {
  readonly status: number
  readonly statusText?: string
  readonly headers: Headers & { readonly raw?: () => Readonly<Record<string, readonly string[]>> }
  readonly body?: unknown
  readonly url?: string
  readonly redirected?: boolean
}

function isAnswer(answer: unknown): answer is Answer {
  if (typeof answer !== 'object' || answer === null || !('status' in answer && 'headers' in answer)) return false
  const { status, headers } = answer
  const hasHeaders = typeof headers === 'object' && headers !== null && 'get' in headers
  return Number.isInteger(status) && hasHeaders && ('text' in answer || 'arrayBuffer' in answer || 'json' in answer)
}

function isWebResponse(answer: Answer | Response): answer is Response {
  const { body } = answer
  return body === undefined || body === null || (typeof body === 'object' && 'getReader' in body)
}

/** node-fetch and its like have streams of Node. */
function toContent(body: unknown): NonNullable<ConstructorParameters<typeof Response>[0]> {
  if (typeof body === 'string') return body
  if (body instanceof Uint8Array) return new Uint8Array(body)
  if (isAsyncIterable(body)) return toWebStream(body)
  throw invalid('fetch must answer with a Response whose body is a stream')
}

/** Fields of one name stay apart where the library tells them apart: cookies must not be joined. */
function readHeaders(headers: Answer['headers']): Headers {
  const raw = headers.raw?.()
  if (raw === undefined) return new Headers(headers)
  const read = new Headers()
  for (const [name, values] of Object.entries(raw)) for (const value of values) read.append(name, value)
  return read
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}

/** What a response says of the way that it came; of a response that was made here, it knows nothing. */
interface ResponseFacts {
  readonly url?: string
  readonly redirected?: boolean
}

/** Lets a response, and every copy of it, say these facts. */
export function withFacts(response: Response, facts: ResponseFacts): Response {
  const { clone } = response
  for (const [name, value] of Object.entries(facts)) {
    Object.defineProperty(response, name, { value, configurable: true, enumerable: true })
  }
  Object.defineProperty(response, 'clone', {
    value: () => withFacts(clone.call(response), facts),
    configurable: true,
    writable: true,
  })
  return response
}

/** Whether something can be read piece by piece. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/**
 * A stream of the web over one of Node, or over anything that gives bytes piece by piece. Not `Readable.toWeb`, whose streams
 * throw out of reach when they are given up while a piece arrives.
 */
function toWebStream(source: AsyncIterable<unknown>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = source[Symbol.asyncIterator]()
  let isOver = false
  const fail = (controller: Controller, error: unknown): void => {
    if (!isOver) controller.error(error)
    isOver = true
  }
  const pull = async (controller: Controller): Promise<void> => {
    try {
      const { done, value } = await iterator.next()
      if (isOver) return
      if (done === true) controller.close()
      else controller.enqueue(toBytes(value))
    } catch (error) {
      fail(controller, error)
    }
  }
  const cancel = (): void => {
    isOver = true
    if (source instanceof Readable) source.destroy()
    else iterator.return?.().catch(() => undefined)
  }
  const start = (controller: Controller): void => {
    // Some libraries only emit an error when a request is aborted: read on, and nothing would ever come.
    if (source instanceof Readable) source.on('error', (error) => fail(controller, error))
  }
  return new ReadableStream({ start, pull, cancel }, { highWaterMark: 0 })
}

type Controller = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>

function toBytes(piece: unknown): Uint8Array<ArrayBuffer> {
  if (typeof piece === 'string') return new TextEncoder().encode(piece)
  if (piece instanceof Uint8Array) return new Uint8Array(piece)
  throw new TypeError('a response must be made of bytes')
}

/** The global `fetch`, looked up for every request: instrumentation and tests replace it later. */
const globalFetch = (input: string | Request, init: UnderlyingInit): Promise<Response> => globalThis.fetch(input, init)
