import { createHash, hash } from 'node:crypto'
import { PassThrough, type Readable } from 'node:stream'
import { isAnyArrayBuffer } from 'node:util/types'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { isAsyncIterable } from './underlying-fetch.ts'

/** The content of a request, the same bytes for the digest, for the wire and for every try. */
export interface OutgoingBody {
  /** What is handed to `fetch`: the bytes below, or a Blob that is too large to hold. */
  readonly content: Uint8Array<ArrayBuffer> | Blob
  /** Bytes that no other code can change. `undefined` when they were not held. */
  readonly bytes: Uint8Array | undefined
  readonly length: number
  /** SHA-256 over the bytes. */
  readonly sha256: Uint8Array
  /** What `fetch` would send as Content-Type for this kind of body. */
  readonly contentType: string | undefined
}

/** How much is held in memory. */
export interface BodyLimits {
  readonly maxBodyBytes: number
  /** Whether a larger Blob may be read twice, once to hash and once to send, instead of being held. */
  readonly rereadsBlobs: boolean
}

/**
 * Turns every body that `fetch` takes, async iterables and forms of the package form-data into bytes. A form gets its
 * boundary here, once.
 * @throws AgentFetchError `body_too_large`, `request_invalid`
 */
export async function readBody(body: unknown, limits: BodyLimits): Promise<OutgoingBody | undefined> {
  if (body === undefined || body === null) return undefined
  if (isBlob(body) && body.size > limits.maxBodyBytes && limits.rereadsBlobs) return hashBlob(body)
  const { source, contentType } = await open(body)
  const content = await collect(source, limits.maxBodyBytes)
  return {
    content,
    bytes: content,
    length: content.length,
    sha256: hash('sha256', content, 'buffer'),
    contentType,
  }
}

async function open(body: unknown): Promise<EncodedForm> {
  if (isText(body)) return { source: [String(body)], contentType: 'text/plain;charset=UTF-8' }
  if (tagOf(body) === 'URLSearchParams') {
    return { source: [String(body)], contentType: 'application/x-www-form-urlencoded;charset=UTF-8' }
  }
  if (ArrayBuffer.isView(body) || isAnyArrayBuffer(body)) return { source: [body], contentType: undefined }
  if (isBlob(body)) return { source: body.stream(), contentType: body.type === '' ? undefined : body.type }
  if (typeof body === 'object' && body !== null && isPipedForm(body)) return encodePipedForm(body)
  if (isForm(body)) return encodeForm(body)
  if (isAsyncIterable(body)) return { source: body, contentType: undefined }
  throw new AgentFetchError('request_invalid', 'body must be text, bytes, a form or a stream; encode objects as JSON')
}

/** Copies, so that a buffer that its owner goes on writing to cannot part the signature from the bytes. */
async function collect(source: EncodedForm['source'], maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const piece of source) {
    const chunk = toBytes(piece)
    length += chunk.byteLength
    if (length > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  const content = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    content.set(chunk, at)
    at += chunk.byteLength
  }
  return content
}

function toBytes(piece: unknown): Uint8Array {
  if (typeof piece === 'string') return new TextEncoder().encode(piece)
  if (ArrayBuffer.isView(piece)) return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength)
  if (isAnyArrayBuffer(piece)) return new Uint8Array(piece)
  throw new AgentFetchError('request_invalid', 'a body stream must yield bytes or text')
}

async function hashBlob(blob: Blob): Promise<OutgoingBody> {
  const sha256 = createHash('sha256')
  for await (const chunk of blob.stream()) sha256.update(chunk)
  return {
    content: blob,
    bytes: undefined,
    length: blob.size,
    sha256: sha256.digest(),
    contentType: blob.type === '' ? undefined : blob.type,
  }
}

function tooLarge(maxBytes: number): AgentFetchError {
  const message = `at most ${maxBytes} bytes are held to be signed; raise maxBodyBytes, or pass a Blob such as fs.openAsBlob gives`
  return new AgentFetchError('body_too_large', message)
}

/** Numbers are text to `fetch` too. Objects are refused: what they are as text is never what was meant. */
function isText(body: unknown): boolean {
  return ['string', 'number', 'boolean', 'bigint'].includes(typeof body) || tagOf(body) === 'String'
}

function isBlob(body: unknown): body is Blob {
  return tagOf(body) === 'Blob' || tagOf(body) === 'File'
}

function isForm(body: unknown): body is FormData {
  return tagOf(body) === 'FormData' && typeof body === 'object' && body !== null && Symbol.iterator in body
}

/** What a web object says it is: `instanceof` would know the objects of one implementation only. */
function tagOf(body: unknown): string {
  return Object.prototype.toString.call(body).slice(8, -1)
}

/** A form as it is sent: with the boundary that its Content-Type names. */
interface EncodedForm {
  readonly source: AsyncIterable<unknown> | Iterable<unknown>
  readonly contentType: string | undefined
}

/** Built again from its entries, so that forms of another `fetch` implementation are understood too. */
async function encodeForm(form: FormData): Promise<EncodedForm> {
  const copy = new FormData()
  for (const [name, value] of form) {
    if (typeof value === 'string') copy.append(name, value)
    else copy.append(name, await toOwnBlob(value), value.name)
  }
  const encoded = new Response(copy)
  return { source: encoded.body ?? [], contentType: encoded.headers.get('content-type') ?? undefined }
}

/** `FormData` takes no Blobs of other implementations, such as those of formdata-node and fetch-blob. */
async function toOwnBlob(value: Pick<Blob, 'arrayBuffer' | 'type'>): Promise<Blob> {
  return value instanceof Blob ? value : new Blob([await value.arrayBuffer()], { type: value.type })
}

/** A form of the package form-data: a stream of the time before Node's own could be iterated, which knows its header. */
interface PipedForm {
  readonly getHeaders: () => Readonly<Record<string, string>>
  readonly pipe: <Target extends Readable>(target: Target) => Target
  readonly on: (event: 'error', listener: (error: Error) => void) => unknown
}

/** Whether a body is a form of the package form-data. */
function isPipedForm(body: object): body is PipedForm {
  return 'getHeaders' in body && 'pipe' in body && typeof body.getHeaders === 'function'
}

/** Reads a form of the package form-data. */
function encodePipedForm(form: PipedForm): EncodedForm {
  const source = new PassThrough()
  form.on('error', (error) => source.destroy(error))
  form.pipe(source)
  return { source, contentType: form.getHeaders()['content-type'] }
}
