import { createAgentFetch, isAgentFetchError } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type RecordingServer, startRecordingServer } from './recording-server.ts'

let server: RecordingServer
let buyer: AgentWithKey

beforeAll(async () => {
  server = await startRecordingServer()
  buyer = await createAgentWithKey()
})
afterAll(() => server.close())

describe('a request that cannot be signed', () => {
  it.each(['Signature', 'Signature-Input', 'Agent-ID', 'Content-Digest', 'Signature-Agent'])(
    'is refused when the caller sets %s',
    async (name) => {
      const agentFetch = buyer.createFetch({ origins: [server.origin] })
      await expect(agentFetch(server.origin, { headers: { [name]: 'x' } })).rejects.toMatchObject({
        code: 'request_invalid',
      })
    },
  )

  it('is refused with credentials in its URL', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin] })
    const failure = await agentFetch(server.origin.replace('//', '//user:secret@')).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'request_invalid' })
    expect(String(failure)).not.toContain('secret')
  })

  it('never repeats a header value in an error', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin], authorization: () => 'Bearer secret\nX: y' })
    const failures = await Promise.all([
      agentFetch(server.origin).catch((error: unknown) => error),
      agentFetch(server.origin, { headers: { Authorization: 'secret\r\nX: y' } }).catch((error: unknown) => error),
      agentFetch(server.origin, { headers: { Authorization: 'Bearer secr\u00e9t' } }).catch((error: unknown) => error),
    ])
    expect(failures.map((failure) => isAgentFetchError(failure) && failure.code)).toEqual([
      'request_invalid',
      'request_invalid',
      'signing_failed',
    ])
    expect(failures.map((failure) => JSON.stringify(failure, ['message', 'stack', 'cause'])).join()).not.toMatch(/secr/)
  })

  it('drops a Host that the caller sets, as fetch does', async () => {
    await buyer.createFetch({ origins: [server.origin] })(server.origin, { headers: { Host: 'evil.test' } })
    expect(server.last().headers.only('host')).toBe(server.authority)
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs())).not.toThrow()
  })
})

describe('a key management service', () => {
  const remote = (sign: () => Promise<Uint8Array>, algorithm: 'ed25519' | 'ecdsa-p256-sha256' = 'ed25519') =>
    createAgentFetch({ agentId: 'agt_1', sign, algorithm, keyId: 'k1', origins: [server.origin] })

  it('that fails is told as the cause', async () => {
    const cause = new Error('throttled')
    await expect(remote(() => Promise.reject(cause))(server.origin)).rejects.toMatchObject({
      code: 'signing_failed',
      cause,
    })
  })

  it('that gives DER instead of r || s is noticed before anything is sent', async () => {
    const count = server.received.length
    await expect(remote(async () => new Uint8Array(71), 'ecdsa-p256-sha256')(server.origin)).rejects.toMatchObject({
      code: 'signing_failed',
      message: expect.stringContaining('r || s') as string,
    })
    expect(server.received.length).toBe(count)
  })

  it('that answers after the caller gave up sends nothing', async () => {
    const count = server.received.length
    const controller = new AbortController()
    const agentFetch = remote(async () => {
      controller.abort(new Error('enough'))
      return new Uint8Array(64)
    })
    await expect(agentFetch(server.origin, { signal: controller.signal })).rejects.toThrow('enough')
    expect(server.received.length).toBe(count)
  })
})

describe('the network', () => {
  it('fails in the words of the fetch underneath', async () => {
    const closed = await startRecordingServer()
    await closed.close()
    await expect(buyer.createFetch({ origins: [closed.origin] })(closed.origin)).rejects.toMatchObject({
      name: 'TypeError',
      message: 'fetch failed',
    })
  })

  it.each([
    ['a body that never ends', { method: 'POST', body: new ReadableStream() }, {}],
    ['a token that never comes', {}, { authorization: () => new Promise<string>(() => undefined) }],
  ])('is not used when the caller gives up on %s', async (_name, init, options) => {
    const count = server.received.length
    const controller = new AbortController()
    const agentFetch = buyer.createFetch({ origins: [server.origin], ...options })
    const pending = agentFetch(server.origin, { ...init, signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(pending).rejects.toThrow('enough')
    expect(server.received.length).toBe(count)
  })

  it('must not be a fetch that follows redirects by itself', async () => {
    const fetchUnderneath = async (): Promise<Response> =>
      Object.defineProperty(new Response(), 'redirected', { value: true })
    const agentFetch = buyer.createFetch({ origins: [server.origin], fetch: fetchUnderneath })
    await expect(agentFetch(server.origin)).rejects.toMatchObject({ code: 'redirect_refused' })
  })

  it('is not used for a request that was given up before', async () => {
    const count = server.received.length
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(buyer.createFetch({ origins: [server.origin] })(server.origin, { signal })).rejects.toThrow('enough')
    const request = new Request(server.origin, { signal })
    await expect(buyer.createFetch({ origins: [server.origin] })(request)).rejects.toThrow('enough')
    expect(server.received.length).toBe(count)
  })
})
