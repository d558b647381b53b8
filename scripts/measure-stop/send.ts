import { Agent, request } from 'node:http'
import type { TestAgent } from '@countermark/testing'
import { SHOP } from './start-door.ts'

/** What was answered, and when. Times are milliseconds of the monotonic clock of this process. */
export interface Answered {
  readonly status: number
  readonly code: string
  readonly body: Readonly<Record<string, unknown>>
  readonly sentMs: number
  readonly answeredMs: number
}

/** A request to a port of this machine. */
export interface Sent {
  readonly port: number
  readonly method: string
  readonly path: string
  /** How the request names the server. @default the shop */
  readonly origin?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

const CONNECTIONS = new Agent({ keepAlive: true, maxSockets: 64 })

/** Sends a signed request. */
export async function sendSigned(by: TestAgent, sent: Sent): Promise<Answered> {
  const { method, path, origin = SHOP, body, headers = {} } = sent
  const content = body === undefined ? undefined : JSON.stringify(body)
  const typed = content === undefined ? headers : { 'content-type': 'application/json', ...headers }
  const signed = await by.signRequest({ method, url: `${origin}${path}`, headers: typed, body: content })
  return exchange({ ...sent, headers: { ...typed, ...signed.headers, host: new URL(origin).host } }, content)
}

/** Sends a request as it is. */
export function exchange({ port, method, path, headers = {} }: Sent, content?: string): Promise<Answered> {
  const sentMs = performance.now()
  return new Promise((resolve, reject) => {
    const framed = content === undefined ? {} : { 'content-length': String(Buffer.byteLength(content)) }
    const options = { host: '127.0.0.1', port, method, path, agent: CONNECTIONS, headers: { ...headers, ...framed } }
    const asked = request(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('error', reject)
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const body = text === '' ? {} : JSON.parse(text)
        const answeredMs = performance.now()
        resolve({ status: response.statusCode ?? 0, code: String(body.code ?? ''), body, sentMs, answeredMs })
      })
    })
    asked.on('error', reject)
    asked.end(content)
  })
}

/** Resolves after so many milliseconds. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
