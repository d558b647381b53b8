import { createHash, createPublicKey, verify } from 'node:crypto'
import { httpbis } from 'http-message-signatures'
import * as undici from 'undici'
import { createAgentFetch, generateAgentKey, type UnderlyingFetch } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type RecordingServer, startRecordingServer } from './recording-server.ts'

let server: RecordingServer
let buyer: AgentWithKey

beforeAll(async () => {
  server = await startRecordingServer(() => ({ body: 'ok' }))
  buyer = await createAgentWithKey()
})
afterAll(() => server.close())

const verifyLast = (components?: readonly string[]) =>
  server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), components)

describe('an agent fetch', () => {
  it('signs a request without content', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin] })
    const response = await agentFetch(`${server.origin}/orders?limit=10`)
    expect(response.status).toBe(200)
    const { list, parameters } = verifyLast()
    expect(list.components).toEqual(['@method', '@authority', '@path', '@query', 'agent-id'])
    expect(parameters).toMatchObject({ tag: 'agent-auth', keyid: buyer.agent.thumbprint, alg: undefined })
    expect(parameters.expires).toBe(buyer.clock.seconds() + 60)
    expect(server.last().headers.only('agent-id')).toBe('agt_buyer')
    expect(server.last().headers.has('content-digest')).toBe(false)
  })

  it('covers the digest, the type and the credentials of a request with content', async () => {
    const agentFetch = buyer.createFetch({
      origins: [server.origin],
      authorization: 'Bearer token',
      cover: ['X-Tenant'],
    })
    await agentFetch(`${server.origin}/orders`, {
      method: 'post',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'k1', 'X-Tenant': 't1', 'X-Other': 'o' },
      body: '{"item":"kettle"}',
    })
    const { list } = verifyLast(['content-digest', 'content-type', 'authorization', 'idempotency-key', 'x-tenant'])
    expect(list.covers('x-other')).toBe(false)
    expect(server.last().method).toBe('POST')
    expect(server.last().headers.only('content-digest')).toBe(
      `sha-256=:${createHash('sha256').update('{"item":"kettle"}').digest('base64')}:`,
    )
  })

  it('never repeats a nonce, and each has at least 128 random bits', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin] })
    await Promise.all(Array.from({ length: 20 }, () => agentFetch(server.origin)))
    const nonces = server.received
      .slice(-20)
      .map((request) => server.verify(buyer.publicKey, request, buyer.clock.wallMs()).parameters.nonce ?? '')
    expect(new Set(nonces).size).toBe(20)
    expect(Math.min(...nonces.map((nonce) => Buffer.from(nonce, 'base64url').length))).toBeGreaterThanOrEqual(16)
  })

  it.each([
    '/a?',
    '/a/../b/%2e%2E/c?q=ü&x=%zz#fragment',
    '//evil/y',
    '/a|b^c`{}"<>?a|b\'"<>`{}^',
    '/%7Efoo/a b?x=a b',
    '?only=query',
    '/;v=1,2/(x)?a[]=1&a[]=2&%C3%A9',
  ])('signs the target that goes over the wire: %s', async (path) => {
    await buyer.createFetch({ origins: [server.origin] })(server.origin + path)
    expect(() => verifyLast()).not.toThrow()
    expect(server.last().headers.only('host')).toBe(server.authority)
  })

  it('takes a URL, a Request, and a Request with changes', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin] })
    const request = new Request(`${server.origin}/items`, { method: 'PUT', body: 'cup', headers: { 'X-A': '1' } })
    await agentFetch(new URL(`${server.origin}/items`))
    expect(server.last().method).toBe('GET')
    await agentFetch(request.clone())
    expect(server.last()).toMatchObject({ method: 'PUT', body: Buffer.from('cup') })
    verifyLast(['content-digest', 'content-type'])
    await agentFetch(request, { method: 'POST', body: 'mug', headers: { 'Content-Type': 'text/x-mug' } })
    expect(server.last()).toMatchObject({ method: 'POST', body: Buffer.from('mug') })
    expect(server.last().headers.has('x-a')).toBe(false)
    verifyLast(['content-digest', 'content-type'])
  })

  it('works on the fetch of undici', async () => {
    const dispatcher = new undici.Agent()
    const fetchUnderneath: UnderlyingFetch = (url, init) => undici.fetch(url, { ...init, dispatcher })
    const agentFetch = buyer.createFetch({ origins: [server.origin], fetch: fetchUnderneath })
    const form = new undici.FormData()
    form.append('item', new File(['cup'], 'cup.txt'))
    const response = await agentFetch(`${server.origin}/undici`, { method: 'POST', body: form as never })
    expect(await response.text()).toBe('ok')
    verifyLast(['content-digest', 'content-type'])
    expect(server.last().headers.only('user-agent')).toBe('undici')
    expect(server.last().body.toString()).toContain('filename="cup.txt"')
    await dispatcher.close()
  })

  it('hands members of init that it does not know to the fetch underneath', async () => {
    const seen: object[] = []
    const fetchUnderneath: UnderlyingFetch = async (_url, init) => {
      seen.push(init)
      return new Response()
    }
    const agentFetch = buyer.createFetch({ origins: [server.origin], fetch: fetchUnderneath })
    await agentFetch(server.origin, { keepalive: true, redirect: 'manual' })
    expect(seen[0]).toMatchObject({ keepalive: true, redirect: 'manual' })
  })

  it('asks for the authorization anew for every request', async () => {
    let calls = 0
    const authorization = async (): Promise<string> => `Bearer ${++calls}`
    const agentFetch = buyer.createFetch({ origins: [server.origin], authorization })
    await agentFetch(server.origin)
    await agentFetch(server.origin)
    expect(server.last().headers.only('authorization')).toBe('Bearer 2')
    await agentFetch(server.origin, { headers: { Authorization: 'Bearer own' } })
    expect(server.last().headers.only('authorization')).toBe('Bearer own')
    expect(calls).toBe(2)
  })

  it('sends Signature-Agent as Web Bot Auth has it', async () => {
    await buyer.createFetch({ origins: [server.origin], signatureAgent: 'https://agent.example' })(server.origin)
    expect(server.last().headers.only('signature-agent')).toBe('sig1="https://agent.example"')
    expect(verifyLast(['signature-agent;key="sig1"']).parameters.tag).toBe('web-bot-auth')
  })

  it.each(['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512'] as const)('signs with %s', async (algorithm) => {
    const other = await createAgentWithKey(algorithm)
    await other.createFetch({ origins: [server.origin] })(server.origin)
    const algorithms = { ...other.publicKey, algorithm }
    expect(() => server.verify(algorithms, server.last(), other.clock.wallMs())).not.toThrow()
  })

  it('lets a key management service sign', async () => {
    const sign = (bytes: Uint8Array): Promise<Uint8Array> => buyer.agent.sign(bytes)
    const { clock } = buyer
    const agentFetch = createAgentFetch({
      agentId: 'agt_buyer',
      sign,
      algorithm: 'ed25519',
      keyId: buyer.agent.keyId,
      clock,
      origins: [server.origin],
    })
    await agentFetch(server.origin, { method: 'POST', body: 'x' })
    expect(verifyLast(['content-digest']).parameters.keyid).toBe(buyer.agent.keyId)
  })

  it('is verified by another library', async () => {
    const { privateKey, publicJwk, thumbprint } = generateAgentKey()
    await createAgentFetch({ agentId: 'agt_1', key: privateKey, origins: [server.origin] })(`${server.origin}/x?y=1`)
    const { method, target, headers } = server.last()
    const key = createPublicKey({ key: publicJwk, format: 'jwk' })
    const result = await httpbis.verifyMessage(
      {
        keyLookup: async ({ keyid }) => ({
          id: String(keyid),
          algs: ['ed25519'],
          verify: async (data, signature) => keyid === thumbprint && verify(null, data, key, signature),
        }),
      },
      {
        method,
        url: server.origin + target,
        headers: Object.fromEntries([...headers.names()].map((name) => [name, headers.only(name) ?? ''])),
      },
    )
    expect(result).toBe(true)
  })
})
