import { createConnection } from 'node:net'
import type { HeaderField } from '@countermark/core'
import type { PlainRequest } from '../agent/request-to-sign.ts'

/** How raw bytes are sent. */
interface SendRawOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** Milliseconds to wait for a complete response. @default 5000 */
  readonly timeoutMs?: number
  /** What our side does after the last byte: wait, end its half of the connection, or cut the connection. @default 'wait' */
  readonly afterwards?: 'wait' | 'end' | 'destroy'
}

/**
 * Sends bytes as they are and answers the first response. An HTTP client would forbid what attackers send: duplicate
 * Host lines, absolute-form targets, bodies that end early.
 * @throws Error when the server closes the connection, or says nothing in time, without a complete response
 */
export function sendRaw(port: number, bytes: string | Uint8Array, options: SendRawOptions = {}): Promise<RawResponse> {
  const { host = '127.0.0.1', timeoutMs = 5000, afterwards = 'wait' } = options
  const request = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)
  const bodyless = request.subarray(0, 5).toString('latin1') === 'HEAD '
  return new Promise((resolve, reject) => {
    const received: Buffer[] = []
    const socket = createConnection({ port, host, allowHalfOpen: true })
    const settle = (ended: boolean): void => {
      const response = parseRawResponse(Buffer.concat(received), { ended, bodyless })
      if (response !== undefined) resolve(response)
      else if (ended) reject(new Error(`the connection ended after ${Buffer.concat(received).length} bytes`))
      if (response !== undefined || ended) socket.destroy()
    }
    socket.setTimeout(timeoutMs, () => settle(true))
    socket.on('data', (chunk) => {
      received.push(chunk)
      settle(false)
    })
    socket.on('end', () => settle(true))
    socket.on('close', () => settle(true))
    // A server that refuses early may reset the connection while we still write: what it said before counts.
    socket.on('error', () => settle(true))
    socket.write(request, () => {
      if (afterwards === 'end') socket.end()
      if (afterwards === 'destroy') socket.destroy()
    })
  })
}

/** What {@link rawRequest} writes; a `SignedRequest` fits. */
interface RawRequestInput extends Pick<PlainRequest, 'method' | 'target' | 'headerLines' | 'body'> {
  /** @default 'HTTP/1.1' */
  readonly version?: string
}

/** The bytes of a request. Adds Content-Length when there is a body whose framing is not stated, and closes at the end. */
export function rawRequest(input: RawRequestInput): Buffer {
  const { method, target, headerLines, body, version = 'HTTP/1.1' } = input
  const names = new Set(headerLines.map(([name]) => name.toLowerCase()))
  const framed = body === undefined || names.has('content-length') || names.has('transfer-encoding')
  const lines = [
    `${method} ${target} ${version}`,
    ...headerLines.map(([name, value]) => `${name}: ${value}`),
    ...(framed ? [] : [`Content-Length: ${body.length}`]),
    ...(names.has('connection') ? [] : ['Connection: close']),
    '\r\n',
  ]
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body ?? Buffer.alloc(0)])
}

/** A response as it came over the socket. */
export interface RawResponse {
  /** The HTTP status. */
  readonly status: number
  /** The field lines, in order. */
  readonly headerLines: readonly HeaderField[]
  /** The first field of a name, in any case. */
  readonly header: (name: string) => string | undefined
  /** The content, without its framing. */
  readonly body: Buffer
  /** The content as text. */
  readonly text: string
}

/** Reads a response; `undefined` while it is incomplete. `ended` says that no more bytes will come. */
function parseRawResponse(
  bytes: Buffer,
  { ended, bodyless }: { readonly ended: boolean; readonly bodyless: boolean },
): RawResponse | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...fieldLines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  const rest = bytes.subarray(headEnd + 4)
  if (status >= 100 && status < 200) return parseRawResponse(rest, { ended, bodyless })
  const headerLines = fieldLines.map(splitField)
  const header = (name: string): string | undefined =>
    headerLines.find(([field]) => field.toLowerCase() === name.toLowerCase())?.[1]
  const body = bodyless || status === 204 || status === 304 ? Buffer.alloc(0) : readBody(rest, header, ended)
  if (body === undefined) return undefined
  return { status, headerLines, header, body, text: body.toString('utf8') }
}

function splitField(line: string): HeaderField {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

function readBody(rest: Buffer, header: (name: string) => string | undefined, ended: boolean): Buffer | undefined {
  if (header('transfer-encoding') === 'chunked') return readChunks(rest)
  const length = header('content-length')
  if (length === undefined) return ended ? rest : undefined
  return rest.length >= Number(length) ? rest.subarray(0, Number(length)) : undefined
}

function readChunks(rest: Buffer): Buffer | undefined {
  const chunks: Buffer[] = []
  let position = 0
  while (true) {
    const lineEnd = rest.indexOf('\r\n', position)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(rest.subarray(position, lineEnd).toString('latin1'), 16)
    const start = lineEnd + 2
    if (rest.length < start + size + 2) return undefined
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(rest.subarray(start, start + size))
    position = start + size + 2
  }
}
