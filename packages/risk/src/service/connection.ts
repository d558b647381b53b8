import type { Agent, IncomingMessage, request as RequestFunction } from 'node:http'
import { isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'

/** How the service is reached. */
export interface ConnectionOptions {
  readonly url: URL
  readonly token: string
  readonly ca: string | undefined
}

/** Connections to the service, kept open between questions. */
export interface Connection {
  /** @throws Error when there is no answer, or none of JSON and success */
  readonly ask: (method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: object) => Promise<JsonObject>
  readonly close: () => void
}

/** An answer that is no success. */
export class ServiceRefusal extends Error {
  override readonly name = 'ServiceRefusal'
  /** The HTTP status. */
  readonly status: number
  /** What the problem document says, or nothing. */
  readonly problem: JsonObject

  constructor(status: number, problem: JsonObject) {
    super(`the risk service answers ${status}`)
    this.status = status
    this.problem = problem
  }
}

const MAX_ANSWER_BYTES = 4_194_304
const RULES = { maxDepth: 8, maxMembers: 200_000 }

/** Connects when it is first asked. Nothing here keeps a process from ending. */
export function createConnection({ url, token, ca }: ConnectionOptions): Connection {
  const isTls = url.protocol === 'https:'
  // Loaded where it is used: a check that asks no service does not pay for it.
  const { request, Agent } = isTls ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http')
  const agent = new Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
  const base = url.href.replace(/\/$/, '')
  const authorization = `Bearer ${token}`
  return {
    ask: async (method, path, signal, body) => {
      const content = body === undefined ? undefined : JSON.stringify(body)
      const headers = {
        authorization,
        ...(content === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
      }
      const response = await open(request, base + path, { method, headers, agent, signal, content })
      const value = parseAnswer(await readAll(response))
      if (response.statusCode !== 200) throw new ServiceRefusal(response.statusCode ?? 0, value ?? {})
      if (value === undefined) throw new TypeError('the risk service answers with what is no object of JSON')
      return value
    },
    close: () => agent.destroy(),
  }
}

interface Opening {
  readonly method: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly agent: Agent
  readonly signal: AbortSignal
  readonly content: string | undefined
}

function open(send: typeof RequestFunction, url: string, { content, ...options }: Opening): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = send(url, options)
    request.on('socket', (socket) => socket.unref())
    request.once('response', resolve).on('error', reject)
    request.end(content)
  })
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError('the answer of the risk service is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes)
}

function parseAnswer(content: Buffer): JsonObject | undefined {
  try {
    const value = parseStrictJson(content, RULES)
    return isJsonObject(value) ? value : undefined
  } catch (error) {
    // Told by the caller: what is no JSON is no answer.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
