import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'

/** How the authority is reached. */
export interface ConnectionOptions {
  readonly url: URL
  /** The token of the door. */
  readonly token: string | undefined
  /** Certificate authorities that are trusted instead of the public ones, PEM. */
  readonly ca: string | undefined
  /** How long one question may take. Milliseconds. */
  readonly deadlineMs: number
}

/** Asks the authority, and reads its stream. */
export interface AuthorityConnection {
  /** @throws Error when it does not answer, or not with JSON and success */
  readonly ask: (method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown) => Promise<JsonObject>
  /**
   * Reads server-sent events until the stream ends, is silent for longer than `silenceMs`, or `signal` is aborted.
   * @throws Error
   */
  readonly read: (
    path: string,
    listener: (event: string, data: unknown) => void,
    limits: { readonly silenceMs: number; readonly signal: AbortSignal },
  ) => Promise<void>
  readonly close: () => void
}

const MAX_ANSWER_BYTES = 4_194_304
const MAX_EVENT_CHARACTERS = 65_536
const JSON_RULES = { maxDepth: 16, maxMembers: 100_000 }

/** Connects when it is first asked. Nothing here keeps a process from ending. */
export function createConnection({ url, token, ca, deadlineMs }: ConnectionOptions): AuthorityConnection {
  const isTls = url.protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true })
  const send = isTls ? requestHttps : requestHttp
  const base = url.href.replace(/\/$/, '')
  const open = (
    method: string,
    path: string,
    { body, signal }: { readonly body?: unknown; readonly signal: AbortSignal },
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const content = body === undefined ? undefined : JSON.stringify(body)
      const headers = {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(content === undefined ? {} : { 'content-type': 'application/json' }),
      }
      const request = send(base + path, { method, headers, agent, signal })
      request.on('socket', (socket) => socket.unref())
      request.once('response', resolve).once('error', reject)
      request.end(content)
    })
  return {
    ask: async (method, path, body) => {
      const response = await open(method, path, { body, signal: AbortSignal.timeout(deadlineMs) })
      const content = await readAll(response)
      if (response.statusCode !== 200) throw new Error(`the authority answers ${response.statusCode}`)
      const value = parseStrictJson(content, JSON_RULES)
      if (!isJsonObject(value)) throw new TypeError('the authority answers with what is no object')
      return value
    },
    read: async (path, listener, { silenceMs, signal }) => {
      const silence = new AbortController()
      const timer = setTimeout(() => silence.abort(new Error('the stream is silent')), silenceMs).unref()
      const either = AbortSignal.any([signal, silence.signal])
      try {
        const response = await open('GET', path, { signal: either })
        if (response.statusCode !== 200) {
          // Unread, it would keep its socket.
          response.destroy()
          throw new Error(`the authority answers ${response.statusCode}`)
        }
        await readEvents(response, (event, data) => {
          timer.refresh()
          listener(event, data)
        })
      } finally {
        clearTimeout(timer)
      }
    },
    close: () => agent.destroy(),
  }
}

async function readAll(response: IncomingMessage): Promise<Uint8Array> {
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) response.destroy(new Error('the answer of the authority is too long'))
  })
  return buffer(response)
}

/** Server-sent events as the authority writes them: `event`, `id` and one line of `data`. */
async function readEvents(response: IncomingMessage, listener: (event: string, data: unknown) => void): Promise<void> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    if (text.length > MAX_EVENT_CHARACTERS) throw new Error('an event of the authority is too long')
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined) listener(/^event: (.*)$/m.exec(block)?.[1] ?? 'message', JSON.parse(data))
    }
  }
}
