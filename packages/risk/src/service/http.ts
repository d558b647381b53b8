import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isRefusal, Refusal } from '@countermark/core'
import { type ReplyOptions, replyTo } from '@countermark/core/internal'
import { RISK_SERVICE_CODES } from './codes.ts'

/** What is answered. */
export interface ServiceAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** An answer of JSON. */
export function jsonAnswer(value: unknown, status = 200): ServiceAnswer {
  const headers = [
    ['Content-Type', 'application/json'],
    ['Cache-Control', 'no-store'],
  ] as const
  return { status, headers, body: JSON.stringify(value) }
}

const REPLY: ReplyOptions = {
  ...{ statusMode: 'standard', errorDetail: 'full', development: false },
  refusals: RISK_SERVICE_CODES,
}

/** Writes what was thrown as problem+json (RFC 9457). What is no refusal is a fault of ours, and told to the operator. */
export function problemAnswer(error: unknown, report: (error: unknown) => void): ServiceAnswer {
  const refusal = isRefusal(error) ? error : undefined
  if (refusal === undefined) report(error)
  const told = refusal ?? new Refusal('config_error', 'the service failed; its operator was told')
  const challenges = [['WWW-Authenticate', 'Bearer']] as const
  return replyTo(
    told,
    { requestId: randomUUID(), realm: 'risk', exposed: undefined, challenges: [...challenges] },
    REPLY,
  )
}

/**
 * Reads what a caller sends, up to a size.
 * @throws Refusal `body_too_large`, `request_malformed`
 */
export async function readContent(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = new Refusal('body_too_large', `at most ${maxBytes} bytes are accepted`)
  if (Number(message.headers['content-length'] ?? 0) > maxBytes) throw tooLarge
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of message) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge
      chunks.push(chunk)
    }
  } catch (error) {
    if (isRefusal(error)) throw error
    throw new Refusal('request_malformed', 'the body did not come whole', { cause: error })
  }
  return Buffer.concat(chunks, bytes)
}

/** Hands an answer to its connection. */
export function writeAnswer(answer: ServiceAnswer, message: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return
  response.statusCode = answer.status
  for (const [name, value] of answer.headers) response.setHeader(name, value)
  response.setHeader('X-Content-Type-Options', 'nosniff')
  // What was not read of a body that is too large would be taken for the next request.
  if (!message.complete) response.setHeader('Connection', 'close')
  response.end(message.method === 'HEAD' ? undefined : answer.body)
}
