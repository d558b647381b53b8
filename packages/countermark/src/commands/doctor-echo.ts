import { createServer, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { CommandError } from './errors.ts'
import type { Finding } from './findings.ts'

/** Where the service is called, and where it would listen. */
export interface EchoOptions {
  /** As agents call it, through every proxy. */
  readonly url: string
  /** Of the service behind the proxies. */
  readonly port: number
}

/** A request as it arrived. */
interface Arrived {
  readonly method: string
  readonly target: string
  readonly fields: ReadonlyMap<string, string>
  readonly body: Buffer
}

const PROBE_PATH = '/countermark%20doctor//a%2Fb'
const PROBE_QUERY = '?b=2&a=%20+'
const PROBE_BODY = Buffer.from('{ "spaces" : "stay" }\r\n')
const PROBE_FIELDS = {
  'Content-Type': 'application/json',
  'Signature-Input': 'sig1=("@method");created=1',
  Signature: 'sig1=:AAAA:',
  'Content-Digest': 'sha-256=:AAAA:',
  'Agent-ID': 'agt_doctor',
  Authorization: 'Bearer probe',
  DPoP: 'probe',
}
const TIMEOUT_MS = 10_000

/**
 * Answers in place of the service and sends one request through everything in front of it: what arrives otherwise than it was
 * sent breaks signatures.
 * @throws CommandError
 */
export async function checkEcho({ url, port }: EchoOptions): Promise<readonly Finding[]> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new CommandError('--echo takes the port of the service')
  const arrived = await exchange(new URL(url), port)
  if (arrived === undefined) {
    const found = `nothing arrived on port ${port}`
    return [{ rule: 'echo', state: 'failed', found, fix: 'is this the port that the proxy passes requests to?' }]
  }
  const { host, pathname } = new URL(url)
  const path = pathname === '/' ? PROBE_PATH : pathname
  return [
    same('method', 'POST', arrived.method, 'pass the method on'),
    same('host', host, arrived.fields.get('host'), 'nginx: proxy_set_header Host $http_host'),
    same(
      'target',
      path + PROBE_QUERY,
      arrived.target,
      'nginx: proxy_pass without a path; or name the prefix: strippedPrefix',
    ),
    ...Object.entries(PROBE_FIELDS).map(([name, value]) =>
      same(name.toLowerCase(), value, arrived.fields.get(name.toLowerCase()), `pass ${name} on as it came`),
    ),
    same('content', PROBE_BODY.toString(), arrived.body.toString(), 'let nothing write the content anew'),
  ]
}

function same(rule: string, sent: string, received: string | undefined, fix: string): Finding {
  if (received === sent) return { rule, state: 'ok', found: 'arrives as it was sent' }
  const seen = received === undefined ? 'nothing' : JSON.stringify(received)
  return { rule, state: 'failed', found: `sent ${JSON.stringify(sent)}, received ${seen}`, fix }
}

async function exchange(url: URL, port: number): Promise<Arrived | undefined> {
  let arrived: Arrived | undefined
  const server = createServer((message, response) => {
    void readArrived(message).then((request) => {
      arrived = request
      response.end('countermark doctor\n')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(new CommandError(`port ${port} is taken`, 'stop the service first, then start it again')),
    )
    server.listen(port, resolve)
  })
  try {
    await send(url)
    return arrived
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function readArrived(message: IncomingMessage): Promise<Arrived> {
  const { method = '', url = '', rawHeaders } = message
  const fields = new Map<string, string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    fields.set(String(rawHeaders[index]).toLowerCase(), String(rawHeaders[index + 1]))
  }
  return { method, target: url, fields, body: await buffer(message) }
}

/** By node:http, which sends a target as it is written: `fetch` tidies it up. */
function send(url: URL): Promise<void> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const path = (url.pathname === '/' ? PROBE_PATH : url.pathname) + PROBE_QUERY
  return new Promise((resolve, reject) => {
    const sending = request(
      { host: url.hostname, port: url.port, path, method: 'POST', timeout: TIMEOUT_MS },
      (response) => {
        response.resume()
        response.on('end', resolve)
      },
    )
    for (const [name, value] of Object.entries(PROBE_FIELDS)) sending.setHeader(name, value)
    sending.setHeader('Host', url.host)
    sending.setHeader('Content-Length', PROBE_BODY.length)
    sending.on('timeout', () => sending.destroy(new Error('no answer in time')))
    sending.on('error', (error) => reject(new CommandError(`${url.host} gave no answer: ${error.message}`)))
    sending.end(PROBE_BODY)
  })
}
