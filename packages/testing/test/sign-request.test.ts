import { createHash, verify } from 'node:crypto'
import { importPublicKey } from '@countermark/core'
import {
  createFakeClock,
  createTestAgent,
  type RequestToSign,
  type SignedRequest,
  type TestAgent,
} from '@countermark/testing'

const clock = createFakeClock()
const BODY = '{"order_id":"12345","amount":4200,"currency":"USD"}'
let agent: TestAgent

beforeAll(async () => {
  agent = await createTestAgent({ agentId: 'agt_7f2k9x', clock })
})

const REFUND: RequestToSign = { url: 'https://API.Example.com:443/refunds?id=7', body: BODY, nonce: 'n-1' }

function isValid(signed: SignedRequest): boolean {
  return verify(null, signed.base, importPublicKey(agent.publicJwk).publicKey, signed.signature)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

describe('the httpsig form', () => {
  it('covers method, authority, path, query, digest and agent', async () => {
    const signed = await agent.signRequest(REFUND)
    expect(Buffer.from(signed.base).toString().split('\n')).toEqual([
      '"@method": POST',
      '"@authority": api.example.com',
      '"@path": /refunds',
      '"@query": ?id=7',
      `"content-digest": sha-256=:${sha256(BODY)}:`,
      '"agent-id": agt_7f2k9x',
      '"@signature-params": ("@method" "@authority" "@path" "@query" "content-digest" "agent-id")' +
        `;created=1767225600;expires=1767225660;nonce="n-1";keyid="${agent.keyId}";tag="agent-auth"`,
    ])
  })

  it('sends what it signed', async () => {
    const signed = await agent.signRequest(REFUND)
    expect(isValid(signed)).toBe(true)
    expect(signed.headers).toMatchObject({
      Host: 'api.example.com',
      'Agent-ID': 'agt_7f2k9x',
      'Content-Digest': `sha-256=:${sha256(BODY)}:`,
      Signature: `sig1=:${Buffer.from(signed.signature).toString('base64')}:`,
    })
    expect(`"@signature-params": ${signed.headers['Signature-Input']?.slice('sig1='.length)}`).toBe(
      Buffer.from(signed.base).toString().split('\n').at(-1),
    )
  })

  it('covers sensitive fields and one member of Signature-Agent when they are present', async () => {
    const headers = { Authorization: 'Bearer t', 'Signature-Agent': 'sig1="https://agent.example"', Accept: '*/*' }
    const signed = await agent.signRequest({ headers })
    expect(signed.headers['Signature-Input']).toContain(
      '("@method" "@authority" "@path" "authorization" "agent-id" "signature-agent";key="sig1")',
    )
    expect(Buffer.from(signed.base).toString()).toContain('"signature-agent";key="sig1": "https://agent.example"')
  })

  it('leaves out what is null', async () => {
    const signed = await agent.signRequest({
      created: null,
      expires: null,
      nonce: null,
      tag: null,
      keyId: null,
      agentId: null,
    })
    expect(signed.headers['Signature-Input']).toBe('sig1=("@method" "@authority" "@path")')
    expect(signed.headers).not.toHaveProperty('Agent-ID')
  })

  it('adds a second signature to a request that has one', async () => {
    const first = await agent.signRequest({ target: '/a' })
    const both = await agent.signRequest({ target: '/a', headers: first.headerLines, label: 'sig2' })
    expect(both.headers['Signature-Input']).toMatch(/^sig1=.*, sig2=\(/)
    expect(both.headerLines.filter(([name]) => name === 'Agent-ID')).toHaveLength(1)
  })
})

describe('the simple forms', () => {
  it('sign the nine lines of version 1', async () => {
    const signed = await agent.signRequest({ ...REFUND, form: 'simple-v1', headers: { Authorization: 'Bearer t' } })
    const lines = ['AGENT-AUTH-V1', 'POST', 'api.example.com', '/refunds?id=7', 'agt_7f2k9x', '1767225600', 'n-1']
    expect(Buffer.from(signed.base).toString()).toBe([...lines, sha256(BODY), sha256('Bearer t')].join('\n'))
    expect(isValid(signed)).toBe(true)
    expect(signed.headers).toMatchObject({ 'Agent-Auth-Version': '1', Timestamp: '1767225600', Nonce: 'n-1' })
  })

  it('mark a missing Authorization with a dash', async () => {
    const signed = await agent.signRequest({ form: 'simple-v1' })
    expect(Buffer.from(signed.base).toString()).toMatch(/\n47DEQpj8HBSa\+\/TImW\+5JCeuQeRkm5NMpJWZG3hSuFU=\n-$/)
  })

  it('sign body and timestamp in version 0', async () => {
    const signed = await agent.signRequest({ ...REFUND, form: 'simple-v0' })
    expect(Buffer.from(signed.base).toString()).toBe(`${BODY}1767225600`)
    expect(isValid(signed)).toBe(true)
    expect(Object.keys(signed.headers)).toEqual(['Host', 'Agent-ID', 'Timestamp', 'Signature'])
  })
})

describe('tampering', () => {
  it('sends another body, target or host than was signed', async () => {
    const signed = await agent.signRequest({
      ...REFUND,
      tamper: { sent: { target: '/admin', authority: 'evil.example' } },
    })
    expect([signed.target, signed.authority, signed.url]).toEqual([
      '/admin',
      'evil.example',
      'https://evil.example/admin',
    ])
    expect(Buffer.from(signed.base).toString()).toContain('"@path": /refunds')
  })

  it('signs other bytes than it claims', async () => {
    const signed = await agent.signRequest({ tamper: { base: (base) => base.replace('GET', 'DELETE') } })
    expect(Buffer.from(signed.base).toString()).toContain('"@method": DELETE')
    expect(signed.method).toBe('GET')
  })

  it('breaks a signature', async () => {
    const signed = await agent.signRequest({ tamper: { signature: (bytes) => bytes.map((byte) => byte ^ 1) } })
    expect(isValid(signed)).toBe(false)
  })

  it('changes Signature-Input after signing, and doubles field lines', async () => {
    const signed = await agent.signRequest({
      tamper: {
        signatureInput: (value) => value.replace('created=1767225600', 'created=1767229200'),
        headerLines: (lines) => [...lines, ['Host', 'evil.example']],
      },
    })
    expect(signed.headers['Signature-Input']).toContain('created=1767229200')
    expect(signed.headerLines.filter(([name]) => name === 'Host')).toHaveLength(2)
  })
})
