import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Decision, GuardOptions } from '@countermark/core'
import { createGuard } from '@countermark/koa'
import {
  createRecordingObserver,
  createTestAgent,
  keySourceOf,
  type RecordingObserver,
  type RequestToSign,
  type TestAgent,
} from '@countermark/testing'
import Koa from 'koa'
import { openRawHttp2, type RawHttp2 } from './raw-http2.ts'
import { createSignatureChecks } from './signature-checks.ts'

interface Running {
  readonly agent: TestAgent
  readonly client: ClientHttp2Session
  readonly server: Http2Server
  readonly port: number
  readonly observer: RecordingObserver
  readonly bodies: string[]
}

interface Answer {
  readonly status: number
  readonly code: string | undefined
}

/** The simple form: its body is what is signed, so that a guard waits for it. */
const SIMPLE_FIELDS = {
  'agent-id': 'agt_buyer',
  'agent-auth-version': '1',
  timestamp: String(Math.floor(Date.now() / 1000)),
  nonce: 'never-verified',
  signature: Buffer.alloc(64).toString('base64'),
  'content-type': 'application/json',
}

const servers: Http2Server[] = []
const clients: ClientHttp2Session[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  for (const server of servers.splice(0)) server.close()
})

async function start(options: Partial<GuardOptions> = {}): Promise<Running> {
  const agent = await createTestAgent({ agentId: 'agt_buyer' })
  const observer = createRecordingObserver()
  const bodies: string[] = []
  const guard = createGuard({ origins: ['api.example.com'], observers: [observer], ...options })
  const { verify, once: onlyOnce } = createSignatureChecks(keySourceOf(agent))
  const app = new Koa()
  app.use(guard(verify, onlyOnce))
  app.use(async (ctx) => {
    bodies.push(Buffer.concat(await ctx.req.toArray()).toString())
    ctx.body = { agent: ctx.state.agent?.id }
  })
  const server = createServer(app.callback())
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect(`http://127.0.0.1:${port}`)
  clients.push(client)
  return { agent, client, server, port, observer, bodies }
}

async function send(client: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: Uint8Array): Promise<Answer> {
  const stream = client.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  const [response]: readonly { readonly ':status'?: number }[] = await once(stream, 'response')
  const text = Buffer.concat(await stream.toArray()).toString()
  return { status: response?.[':status'] ?? 0, code: JSON.parse(text).code }
}

/** The header fields of a signed request in HTTP/2: no Host, no connection-specific fields. */
async function signedHeaders(agent: TestAgent, request: RequestToSign): Promise<OutgoingHttpHeaders> {
  const { method, target, authority, headers } = await agent.signRequest(request)
  const { Host: _host, ...fields } = headers
  return { ':method': method, ':path': target, ':authority': authority, ...fields }
}

describe('Koa over HTTP/2', () => {
  it('accepts a request that names its host in :authority', async () => {
    const { agent, client, observer } = await start()
    const headers = await signedHeaders(agent, { target: '/orders?page=2' })
    expect((await send(client, headers)).status).toBe(200)
    expect(observer.decisions[0]?.request).toMatchObject({ authority: 'api.example.com', target: '/orders?page=2' })
  })

  it('accepts Host next to :authority when both agree', async () => {
    const { agent, client } = await start()
    const headers = await signedHeaders(agent, {})
    expect((await send(client, { ...headers, host: 'API.example.com' })).status).toBe(200)
  })

  it.each([
    [':authority is not ours', { ':authority': 'evil.example' }, 'request_malformed'],
    ['Host is not ours', { host: 'evil.example' }, 'authority_mismatch'],
    [
      ':authority is not ours, Host is',
      { ':authority': 'evil.example', host: 'api.example.com' },
      'authority_mismatch',
    ],
  ])('refuses when %s', async (_name, names, code) => {
    const { agent, client, bodies } = await start()
    const headers = await signedHeaders(agent, {})
    const answer = await send(client, { ...headers, ...names })
    expect([answer, bodies]).toEqual([{ status: 400, code }, []])
  })

  it('refuses a path that is not in origin-form', async () => {
    const { agent, client } = await start()
    const headers = await signedHeaders(agent, {})
    expect(await send(client, { ...headers, ':path': '//evil.example/' })).toMatchObject({ code: 'request_malformed' })
  })

  it('counts header fields, not pseudo-header fields', async () => {
    const { client, observer } = await start()
    await send(client, { ':authority': 'api.example.com' })
    const { headers } = observer.decisions[0]?.request ?? {}
    expect([headers?.count, [...(headers?.names() ?? [])]]).toEqual([0, []])
  })

  describe('a body, which HTTP/2 frames without header fields', () => {
    const body = Buffer.from('{"amount":4200}')

    it('is held to its digest and still there for the handler', async () => {
      const { agent, client, bodies } = await start()
      const headers = await signedHeaders(agent, { method: 'POST', body })
      expect([(await send(client, headers, body)).status, bodies]).toEqual([200, ['{"amount":4200}']])
    })

    it('cannot be swapped', async () => {
      const { agent, client, bodies } = await start()
      const headers = await signedHeaders(agent, { method: 'POST', body })
      const answer = await send(client, headers, Buffer.from('{"amount":9900}'))
      expect([answer, bodies]).toEqual([{ status: 400, code: 'digest_mismatch' }, []])
    })

    it('cannot be added to a request that was signed without one', async () => {
      const { agent, client, bodies } = await start()
      const headers = await signedHeaders(agent, { method: 'POST' })
      const answer = await send(client, headers, Buffer.from('{"amount":9900}'))
      expect([answer, bodies]).toEqual([{ status: 401, code: 'coverage_insufficient' }, []])
    })

    it('may be larger than a stream buffers', async () => {
      const { agent, client, bodies } = await start()
      const large = Buffer.alloc(300_000, 'x')
      const headers = await signedHeaders(agent, { method: 'POST', body: large })
      expect((await send(client, headers, large)).status).toBe(200)
      expect(bodies[0]?.length).toBe(large.length)
    })

    it.each([
      ['the stream is reset', (raw: RawHttp2) => raw.reset()],
      ['the connection ends', (raw: RawHttp2) => raw.destroy()],
    ])('is refused when %s before its end', async (_name, end) => {
      const { agent, server, port, observer, bodies } = await start()
      const decided = new Promise((resolve) => {
        const { decided: told } = observer
        Object.assign(observer, { decided: (decision: Decision) => resolve(told(decision)) })
      })
      const reached = once(server, 'request')
      const raw = await openRawHttp2(port)
      raw.request(await signedHeaders(agent, { method: 'POST', body }))
      raw.data(body.subarray(0, 5))
      await reached
      end(raw)
      await decided
      expect([observer.decisions.map(({ refusal }) => refusal?.code), bodies]).toEqual([['request_malformed'], []])
      raw.destroy()
    })

    it('ends a stream whose request was refused and never ends', async () => {
      const { client } = await start({ maxBodySeconds: 0.05 })
      const stream = client.request({ ':method': 'POST', ':authority': 'api.example.com', ...SIMPLE_FIELDS })
      stream.write('{"amount":')
      const [[response]] = await Promise.all([once(stream, 'response'), once(stream.resume(), 'close')])
      expect([response[':status'], stream.rstCode]).toEqual([400, constants.NGHTTP2_NO_ERROR])
    })

    it('may be none, in frames of no content', async () => {
      const { agent, client, bodies } = await start()
      const headers = await signedHeaders(agent, { method: 'POST' })
      expect([(await send(client, headers, Buffer.alloc(0))).status, bodies]).toEqual([200, ['']])
    })
  })

  it('takes a Cookie in crumbs for the one that was signed', async () => {
    const { agent, client } = await start()
    const components = ['@method', '@authority', '@path', 'agent-id', 'cookie']
    const { cookie: _one, ...headers } = await signedHeaders(agent, { headers: { cookie: 'a=1; b=2' }, components })
    expect((await send(client, { ...headers, cookie: ['a=1', 'b=2'] })).status).toBe(200)
    const again = await signedHeaders(agent, { headers: { cookie: 'a=1; b=2' }, components })
    expect(await send(client, { ...again, cookie: ['a=1', 'b=3'] })).toEqual({ status: 401, code: 'signature_invalid' })
  })
})
