import { createHash, verify } from 'node:crypto'
import { createAgentFetch, generateAgentKey } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let server: RecordingServer
let answers: readonly Answer[] = []
let start = 0

beforeAll(async () => {
  buyer = await createAgentWithKey()
  server = await startRecordingServer((_request, index) => answers[index - start] ?? { body: 'ok' })
})
afterAll(() => server.close())
beforeEach(() => {
  start = server.received.length
  answers = []
})

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('base64')
const fieldOf = (name: string): string => server.last().headers.only(name) ?? ''
const holds = (message: string | Buffer, name = 'signature'): boolean =>
  verify(null, Buffer.from(message), buyer.publicKey.publicKey, Buffer.from(fieldOf(name), 'base64'))

/** The nine lines, written from what was received. */
function nineLines(token?: string): string {
  const { method, target, body } = server.last()
  const lines = ['AGENT-AUTH-V1', method, server.authority, target, 'agt_buyer', fieldOf('timestamp'), fieldOf('nonce')]
  return [...lines, sha256(body), token === undefined ? '-' : sha256(token)].join('\n')
}

describe('form simple-v1', () => {
  it('signs nine lines over what is sent', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin], form: 'simple-v1' })
    await agentFetch(`${server.origin}/orders/../refunds?x=ü`, {
      method: 'POST',
      body: new URLSearchParams({ a: '1' }),
    })
    expect(holds(nineLines())).toBe(true)
    expect(fieldOf('timestamp')).toBe(String(buyer.clock.seconds()))
    expect(fieldOf('agent-auth-version')).toBe('1')
    expect(server.last().headers.has('key-id')).toBe(false)
  })

  it('signs the token, and the delegation before it', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin], form: 'simple-v1', authorization: 'Bearer t' })
    await agentFetch(server.origin)
    expect(holds(nineLines('Bearer t'))).toBe(true)
    await agentFetch(server.origin, { headers: { 'Agent-Delegation': 'jwt' } })
    expect(holds(nineLines('jwt'))).toBe(true)
  })

  it('names its key when it has a name, under the names that a gateway uses', async () => {
    const headerNames = { agentId: 'X-Agent-ID', signature: 'X-Agent-Signature' }
    const { clock, privateKey: key } = buyer
    const origins = [server.origin]
    await createAgentFetch({ agentId: 'agt_buyer', key, keyId: 'k1', form: 'simple-v1', headerNames, clock, origins })(
      server.origin,
    )
    expect([fieldOf('x-agent-id'), fieldOf('key-id')]).toEqual(['agt_buyer', 'k1'])
    expect(holds(nineLines(), 'x-agent-signature')).toBe(true)
  })

  it('answers a nonce challenge once', async () => {
    const challenge = {
      'www-authenticate': 'Signature realm="x", Agent-Auth version="1", headers="Agent-ID", nonce="n:1"',
    }
    answers = [
      { status: 401, headers: challenge },
      { status: 401, headers: challenge },
    ]
    const agentFetch = buyer.createFetch({ origins: [server.origin], form: 'simple-v1' })
    expect((await agentFetch(server.origin, { method: 'POST', body: 'x' })).status).toBe(401)
    expect(server.received.length - start).toBe(2)
    expect(fieldOf('nonce')).toBe('n:1')
    expect(holds(nineLines())).toBe(true)
  })

  it.each([
    'Agent-Auth version="2", nonce="n1"',
    'Agent-Auth version="1"',
    'Agent-Auth version="1", nonce="a b"',
    'Digest nonce="n1"',
  ])('does not answer %s', async (value) => {
    answers = [{ status: 401, headers: { 'www-authenticate': value } }]
    await buyer.createFetch({ origins: [server.origin], form: 'simple-v1' })(server.origin)
    expect(server.received.length - start).toBe(1)
  })

  it('holds a Blob, or refuses it above the limit', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin], form: 'simple-v1', maxBodyBytes: 10 })
    await agentFetch(server.origin, { method: 'POST', body: new Blob(['kettle']) })
    expect(holds(nineLines())).toBe(true)
    await expect(
      agentFetch(server.origin, { method: 'POST', body: new Blob(['kettle kettle']) }),
    ).rejects.toMatchObject({
      code: 'body_too_large',
    })
  })
})

describe('form simple-v0', () => {
  it('signs body and timestamp', async () => {
    await buyer.createFetch({ origins: [server.origin], form: 'simple-v0' })(server.origin, {
      method: 'POST',
      body: 'kettle',
    })
    expect(holds(`kettle${fieldOf('timestamp')}`)).toBe(true)
    expect(server.last().headers.has('nonce')).toBe(false)
  })

  it('has no nonce to answer a challenge with', async () => {
    answers = [{ status: 401, headers: { 'www-authenticate': 'Agent-Auth version="0", nonce="n1"' } }]
    await buyer.createFetch({ origins: [server.origin], form: 'simple-v0' })(server.origin)
    expect(server.received.length - start).toBe(1)
  })

  it('takes Ed25519 keys that a generator made', async () => {
    const { privateKey: key } = generateAgentKey()
    await createAgentFetch({ agentId: 'a', key, form: 'simple-v0', origins: [server.origin] })(server.origin)
    expect(fieldOf('agent-id')).toBe('a')
  })
})
