import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from '@countermark/core'
import type { Answer } from './call.ts'
import { problemOf, type ReportFault, refusalCodeOf } from './problem.ts'
import type { FindRoute } from './router.ts'

/** Answers one request; resolves once the answer was handed to the connection. */
export type HandleRequest = (
  message: IncomingMessage & { readonly originalUrl?: string },
  response: ServerResponse,
  originalUrl?: string,
) => Promise<void>

/** What a listener is made of. */
export interface ListenerOptions {
  readonly findRoute: FindRoute
  readonly maxBodyBytes: number
  readonly report: ReportFault
  /** Told the code of each refusal. */
  readonly countRefusal: (code: string) => void
}

/** Makes the listener: finds the route, reads the body, writes the answer. Never rejects. */
export function createListener({ findRoute, maxBodyBytes, report, countRefusal }: ListenerOptions): HandleRequest {
  return async (message, response, given) => {
    const requestId = randomUUID()
    const answer = await work().catch((error: unknown) => {
      const code = refusalCodeOf(error)
      if (code !== undefined) countRefusal(code)
      return problemOf(error, requestId, report)
    })
    await writeAnswer(answer, message, response)

    async function work(): Promise<Answer> {
      const { method = '', url = '/' } = message
      const { path, query } = splitTarget(url)
      const { route, params } = findRoute(method, path, requestId)
      const body = await readBody(message, maxBodyBytes)
      const originalUrl = given ?? message.originalUrl ?? url
      const template = route.path
      return route.handle({ requestId, method, template, params, query, body, message, response, originalUrl })
    }
  }
}

function splitTarget(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const start = url.indexOf('?')
  const path = start < 0 ? url : url.slice(0, start)
  return { path: path === '' ? '/' : path, query: new URLSearchParams(start < 0 ? '' : url.slice(start + 1)) }
}

async function readBody(message: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const rawBody: unknown = Reflect.get(message, 'rawBody')
  if (rawBody instanceof Uint8Array) return requireSize(rawBody, maxBytes)
  if (message.readableEnded && Reflect.get(message, 'body') !== undefined && isFramed(message)) {
    throw new Refusal('config_error', 'mount the authority before what parses bodies')
  }
  const declared = Number(message.headers['content-length'] ?? 0)
  if (declared > maxBytes) throw tooLarge(maxBytes)
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of message) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge(maxBytes)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('request_malformed', 'the body did not come whole', { cause: error })
  }
  return Buffer.concat(chunks)
}

function isFramed({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function requireSize(body: Uint8Array, maxBytes: number): Uint8Array {
  if (body.length > maxBytes) throw tooLarge(maxBytes)
  return body
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('body_too_large', `at most ${maxBytes} bytes are accepted`)
}

async function writeAnswer(answer: Answer, message: IncomingMessage, response: ServerResponse): Promise<void> {
  if (response.headersSent || response.destroyed) return
  response.statusCode = answer.status
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  response.setHeader('X-Content-Type-Options', 'nosniff')
  // What was not read of a body that is too large would be taken for the next request.
  if (!message.complete) response.setHeader('Connection', 'close')
  await new Promise<void>((resolve) => {
    response.once('close', resolve)
    response.end(message.method === 'HEAD' ? undefined : answer.body, () => resolve())
  })
}
