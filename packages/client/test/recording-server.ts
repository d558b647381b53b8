import type { IncomingMessage } from 'node:http'
import { type AgentKey, createHeaderFields, type HeaderField } from '@countermark/core'
import type { HeaderFields } from '@countermark/core/internal'
import { type VerifiedMessage, verifyMessage } from '@countermark/signature'
import { startServer } from '@countermark/testing'

/** A request as it came over the wire. */
export interface ReceivedRequest {
  readonly method: string
  readonly target: string
  readonly headers: HeaderFields
  readonly body: Buffer
}

/** What the server answers. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>> | readonly HeaderField[]
  readonly body?: string | Uint8Array
}

/** A server that writes down what it receives, byte for byte, and answers as told. */
export interface RecordingServer {
  readonly origin: string
  readonly authority: string
  readonly received: readonly ReceivedRequest[]
  /** The latest request. */
  readonly last: () => ReceivedRequest
  /** Verifies a received request by this key: signature, required coverage, digest. */
  readonly verify: (
    key: AgentKey,
    request: ReceivedRequest,
    nowMs: number,
    components?: readonly string[],
  ) => VerifiedMessage
  readonly close: () => Promise<void>
}

/** Starts it. `answer` gets each request with its number, from 0. */
export async function startRecordingServer(
  answer: (request: ReceivedRequest, index: number) => Answer | Promise<Answer> = () => ({}),
): Promise<RecordingServer> {
  const received: ReceivedRequest[] = []
  const { origin, port, close } = await startServer(async (message, response) => {
    const request = await receive(message)
    received.push(request)
    const { status = 200, headers = {}, body = '' } = await answer(request, received.length - 1)
    const fields = Array.isArray(headers) ? headers : Object.entries(headers)
    for (const [name, value] of fields) response.appendHeader(name, value)
    response.writeHead(status).end(body)
  })
  const authority = `127.0.0.1:${port}`
  return {
    origin,
    authority,
    received,
    last: () => received.at(-1) ?? fail(),
    verify: (key, { body, ...request }, nowMs, components = ['@method', '@authority', '@path']) =>
      verifyMessage(
        { ...request, scheme: 'http', authority: request.headers.only('host') ?? '' },
        {
          keys: [key],
          algorithms: [key.algorithm],
          nowMs,
          content: body,
          policy: { components, expires: 'required', nonce: 'required' },
        },
      ),
    close,
  }
}

async function receive(message: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  const { method = '', url: target = '', rawHeaders } = message
  return { method, target, headers: createHeaderFields(rawHeaders), body: Buffer.concat(chunks) }
}

function fail(): never {
  throw new Error('nothing was received')
}
