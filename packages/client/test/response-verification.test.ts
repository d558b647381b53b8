import { createPrivateKey } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { createHeaderFields, type HeaderField } from '@countermark/core'
import { type SignableRequest, signResponse } from '@countermark/signature'
import type { ResponseVerificationOptions } from '../src/fetch/response-verification.ts'
import { type AgentFetch, generateAgentKey } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type ReceivedRequest, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let server: RecordingServer
let answer: (request: ReceivedRequest) => Answer | Promise<Answer>
const service = generateAgentKey()
const stranger = generateAgentKey()

beforeAll(async () => {
  buyer = await createAgentWithKey()
  server = await startRecordingServer((request) => answer(request))
})
afterAll(() => server.close())

const strictFetch = (options: Partial<ResponseVerificationOptions> = {}): AgentFetch =>
  buyer.createFetch({ origins: [server.origin], verifyResponses: { keys: { billing: service.publicJwk }, ...options } })

interface Signing {
  readonly status?: number
  readonly location?: string
  readonly body?: string
  readonly privateKey?: string
  readonly keyid?: string
  readonly created?: number
  /** The request that the answer claims to belong to. */
  readonly request?: ReceivedRequest
  readonly requestLabel?: string
  readonly also?: readonly string[]
  /** Whether it leaves out what ties it to one request. */
  readonly isUnbound?: boolean
}

/** Answers as a service that signs its responses. */
async function signed(request: ReceivedRequest, options: Signing = {}): Promise<Answer> {
  const { status = 200, body = '{"paid":true}', privateKey = service.privateKey } = options
  const { method, target, headers } = options.request ?? request
  const own: readonly HeaderField[] = [
    ['content-type', 'application/json'],
    ...(options.location === undefined ? [] : [['location', options.location] as const]),
  ]
  const signable: SignableRequest = { method, target, headers, scheme: 'http', authority: server.authority }
  const fields = await signResponse(
    { status, headers: createHeaderFields(own.flat()), request: signable },
    {
      key: createPrivateKey(privateKey),
      keyid: options.keyid ?? 'billing',
      created: options.created ?? buyer.clock.seconds(),
      ...(options.isUnbound ? {} : { requestLabel: options.requestLabel ?? 'sig1' }),
      content: Buffer.from(body),
      also: options.also ?? [],
    },
  )
  return { status, headers: [...own, ...fields], body }
}

describe('a signed response', () => {
  it('is handed on unread', async () => {
    answer = signed
    const response = await strictFetch()(`${server.origin}/invoices?id=7`)
    expect(response.url).toBe(`${server.origin}/invoices?id=7`)
    expect(await response.json()).toEqual({ paid: true })
    expect(server.last().headers.only('accept-encoding')).toBe('identity')
  })

  it('is verified for a refusal, and after a challenge with another label', async () => {
    const asking = { 'accept-signature': 'ask=("@method" "@authority" "@path" "agent-id");nonce="n1"' }
    answer = (request) =>
      request.headers.only('signature')?.startsWith('ask=')
        ? signed(request, { status: 404, requestLabel: 'ask' })
        : { status: 401, headers: asking }
    expect((await strictFetch()(server.origin)).status).toBe(404)
  })

  it.each([
    ['simple-v1', 'nonce;req'],
    ['simple-v1', 'signature;req'],
    ['simple-v0', 'signature;req'],
    ['dpop', 'dpop;req'],
  ] as const)('to a request in form %s covers its %s', async (form, component) => {
    const verifyResponses = { keys: { billing: service.publicJwk } }
    const authorization = 'DPoP tok'
    const agentFetch = buyer.createFetch({ origins: [server.origin], form, authorization, verifyResponses })
    answer = (request) => signed(request, { isUnbound: true, also: [component] })
    expect((await agentFetch(server.origin)).status).toBe(200)
    answer = (request) => signed(request, { isUnbound: true })
    await expect(agentFetch(server.origin)).rejects.toMatchObject({ code: 'response_invalid' })
  })

  it('without content is verified too', async () => {
    answer = async (request) => signed(request, { body: '' })
    expect(await (await strictFetch()(server.origin)).text()).toBe('')
  })

  it('may be a redirect, which is followed', async () => {
    answer = (request) =>
      signed(request, request.target === '/old' ? { status: 307, location: '/new', body: '' } : { body: '"new"' })
    expect(await (await strictFetch()(`${server.origin}/old`)).json()).toBe('new')
  })

  it('is not held beyond the limit', async () => {
    answer = (request) => signed(request, { body: `"${'x'.repeat(2000)}"` })
    await expect(strictFetch({ maxResponseBytes: 1000 })(server.origin)).rejects.toMatchObject({
      code: 'response_too_large',
    })
  })
})

describe('an unsigned response', () => {
  it('is refused', async () => {
    answer = () => ({ status: 503, body: 'maintenance' })
    const failure = await strictFetch()(server.origin).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'response_unsigned', response: { status: 503 } })
  })

  it('is handed on where signatures are not required', async () => {
    answer = () => ({ body: 'unsigned' })
    expect(await (await strictFetch({ required: false })(server.origin)).text()).toBe('unsigned')
  })
})

describe('an attacker', () => {
  const refused = async (options: Partial<ResponseVerificationOptions> = {}): Promise<void> => {
    await expect(strictFetch(options)(`${server.origin}/invoices/7`)).rejects.toMatchObject({
      code: 'response_invalid',
    })
  }

  it('cannot change the content', async () => {
    answer = async (request) => ({ ...(await signed(request)), body: '{"paid":null}' })
    await refused()
    await refused({ required: false })
  })

  it('cannot take the content away', async () => {
    answer = async (request) => ({ ...(await signed(request)), body: '' })
    await refused()
  })

  it('cannot change the status or the type', async () => {
    answer = async (request) => ({ ...(await signed(request)), status: 500 })
    await refused()
    answer = async (request) => {
      const { headers = [], ...rest } = await signed(request)
      const fields = (headers as readonly (readonly [string, string])[]).filter(([name]) => name !== 'content-type')
      return { ...rest, headers: [['content-type', 'text/html'], ...fields] }
    }
    await refused()
  })

  it('cannot answer with what was said to an earlier request', async () => {
    answer = signed
    await strictFetch()(`${server.origin}/invoices/7`)
    const earlier = server.last()
    answer = (request) => signed(request, { request: earlier })
    await refused()
  })

  it('cannot answer with a response that belongs to no request', async () => {
    answer = (request) => signed(request, { isUnbound: true })
    await refused()
  })

  it('cannot sign with a key of its own', async () => {
    answer = (request) => signed(request, { privateKey: stranger.privateKey })
    await refused()
    answer = (request) => signed(request, { privateKey: stranger.privateKey, keyid: stranger.thumbprint })
    await refused()
  })

  it('cannot use an old signature', async () => {
    answer = (request) => signed(request, { created: buyer.clock.seconds() - 301 })
    await refused()
  })

  it('cannot choose by a redirect which request a signed answer belongs to', async () => {
    answer = (request) =>
      request.target === '/invoices/7' ? { status: 302, headers: { location: '/invoices/8' } } : signed(request)
    const count = server.received.length
    await expect(strictFetch()(`${server.origin}/invoices/7`)).rejects.toMatchObject({ code: 'response_unsigned' })
    expect(server.received.length).toBe(count + 1)
  })

  it('cannot change where a signed redirect leads', async () => {
    answer = async (request) => {
      const { headers = [], ...rest } = await signed(request, { status: 302, location: '/invoices/9', body: '' })
      const fields = headers as readonly HeaderField[]
      return {
        ...rest,
        headers: fields.map(([name, value]) => [name, name === 'location' ? '/invoices/8' : value] as const),
      }
    }
    await refused()
  })

  it('cannot make a signed answer a redirect', async () => {
    answer = async (request) => {
      const { headers = [], ...rest } = await signed(request, { status: 302, body: '' })
      return { ...rest, headers: [['location', '/invoices/8'], ...(headers as readonly HeaderField[])] }
    }
    await refused()
  })

  it('cannot hide behind an encoding', async () => {
    answer = async (request) => {
      const { headers = [], body = '' } = await signed(request)
      const fields = headers as readonly (readonly [string, string])[]
      return { headers: [['content-encoding', 'gzip'], ...fields], body: gzipSync(body) }
    }
    await refused()
  })
})
