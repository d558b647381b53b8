import type { IncomingMessage, ServerResponse } from 'node:http'
import { isThenable } from '@countermark/core/internal'
import type { KeptAnswer } from './answer-store.ts'
import { decodeUnlessAccepted } from './content-coding.ts'

/** What is done with an answer before its last byte goes out; `undefined` for one that is too large to keep. */
export type KeepAnswer = (answer: KeptAnswer | undefined) => void | Promise<void>

/** Fields that belong to one connection, one moment or one visitor, and are not repeated. */
const NOT_KEPT: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'set-cookie',
  'signature',
  'signature-input',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** An answer that is being taken down. */
export interface Capture {
  /** Ends it early, when the caller is gone; `undefined` when the answer is not known. Counts once. */
  readonly settle: (body: Uint8Array | undefined) => void | Promise<void>
}

/**
 * Takes down what a handler answers, at the one place through which Express and Koa both answer. The end waits until the
 * answer is kept, so that a caller that has it can have it again.
 */
export function captureAnswer(response: ServerResponse, maxBytes: number, keep: KeepAnswer): Capture {
  const { write, end, writeHead } = response
  const chunks: Buffer[] = []
  let length = 0
  let isSettled = false
  let headers: KeptAnswer['headers'] | undefined
  const take = (chunk: unknown, encoding: unknown): void => {
    // As the handler wrote them: a middleware in front, such as compression, changes them on the way out.
    headers ??= headersOf(response)
    const bytes = bytesOf(chunk, encoding)
    length += bytes.length
    if (length <= maxBytes) chunks.push(bytes)
    else chunks.length = 0
  }
  const settle: Capture['settle'] = (body) => {
    if (isSettled) return
    isSettled = true
    Object.assign(response, { write, end, writeHead })
    if (body === undefined || body.length > maxBytes) return keepQuietly(keep, undefined)
    return keepQuietly(keep, { status: response.statusCode, headers: headers ?? headersOf(response), body })
  }
  response.writeHead = (...given: readonly unknown[]) => {
    setHeaders(response, given.at(-1))
    headers ??= headersOf(response)
    const [status, message] = given
    return Reflect.apply(writeHead, response, typeof message === 'string' ? [status, message] : [status])
  }
  response.write = (...given: readonly unknown[]) => {
    take(given[0], given[1])
    return Reflect.apply(write, response, given)
  }
  response.end = (...given: readonly unknown[]) => {
    take(given[0], given[1])
    const kept = settle(length <= maxBytes ? Buffer.concat(chunks) : undefined)
    if (!isThenable(kept)) return Reflect.apply(end, response, given)
    void kept.then(() => Reflect.apply(end, response, given))
    return response
  }
  return { settle }
}

/** What cannot be kept goes out all the same. Its key stays taken, so that the work is not done twice. */
function keepQuietly(keep: KeepAnswer, answer: KeptAnswer | undefined): void | Promise<void> {
  const ignore = (): void => undefined
  try {
    const kept = keep(answer)
    return isThenable(kept) ? kept.then(ignore, ignore) : undefined
  } catch {
    return undefined // see above
  }
}

/** Answers once more what was answered before, in an encoding that this request takes. */
export function repeatAnswer(request: IncomingMessage, response: ServerResponse, kept: KeptAnswer): void {
  const { status, headers, body } = decodeUnlessAccepted(kept, request.headers['accept-encoding'])
  for (const [name, value] of headers) response.setHeader(name, value)
  response.setHeader('Idempotent-Replayed', 'true')
  response.statusCode = status
  if (body.length > 0) response.setHeader('Content-Length', body.length)
  response.end(body)
}

function headersOf(response: ServerResponse): KeptAnswer['headers'] {
  const fields = Object.entries(response.getHeaders()).filter(([name]) => !NOT_KEPT.has(name))
  return fields.map(([name, value]) => [name, Array.isArray(value) ? value : String(value)] as const)
}

/** Fields handed to `writeHead` go out without being remembered, so they are set first. A list may name a field repeatedly. */
function setHeaders(response: ServerResponse, headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
    return
  }
  const pairs = pairsOf(headers)
  for (const [name] of pairs) response.removeHeader(name)
  for (const [name, value] of pairs) response.appendHeader(name, value)
}

/** `[name, value, name, value]`, or `[[name, value]]`. */
function pairsOf(list: readonly unknown[]): readonly (readonly [string, string | readonly string[]])[] {
  const flat = Array.isArray(list[0]) ? list.flat() : list
  const pairs: [string, string | readonly string[]][] = []
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const value: unknown = flat[index + 1]
    pairs.push([String(flat[index]), Array.isArray(value) ? value.map(String) : String(value)])
  }
  return pairs
}

/** A copy: the handler may use its buffer again. */
function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk)
  if (typeof chunk !== 'string') return Buffer.alloc(0)
  return Buffer.from(chunk, typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8')
}
