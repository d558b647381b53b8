import { generateKeyPairSync } from 'node:crypto'
import { type AgentKey, createHeaderFields, importPublicKey } from '@countermark/core'
import type { SignResponseOptions, VerifyResponseOptions } from '../../src/http/response.ts'
import {
  createContentDigest,
  type SignableRequest,
  type SignableResponse,
  signMessage,
  signResponse,
  verifyResponse,
} from '../../src/index.ts'

type Lines = readonly (readonly [string, string])[]

const CREATED = 1_767_225_600
const CONTENT = Buffer.from('{"refund":"rf_1"}')
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const KEY: AgentKey = {
  ...importPublicKey(publicKey),
  agent: { id: 'api.example.com', state: 'active' },
  keyId: 'server-1',
  state: 'active',
  notBefore: undefined,
  notAfter: undefined,
  schemes: undefined,
}

const SIGNING: SignResponseOptions = { key: privateKey, keyid: 'server-1', created: CREATED, content: CONTENT }
const VERIFYING: VerifyResponseOptions = { keys: [KEY], nowMs: CREATED * 1000, content: CONTENT }

async function signedRequest(nonce = 'n-1'): Promise<SignableRequest> {
  const request = aRequest([])
  const signed = await signMessage(request, {
    key: privateKey,
    components: ['@method', '@path'],
    nonce,
    created: CREATED,
  })
  return aRequest([
    ['Signature-Input', signed.signatureInput],
    ['Signature', signed.signature],
  ])
}

function aRequest(lines: Lines): SignableRequest {
  const headers = createHeaderFields(lines.flat())
  return { method: 'POST', scheme: 'https', authority: 'api.example.com', target: '/v1/refunds?a=1', headers }
}

function aResponse(request: SignableRequest, lines: Lines, status = 201): SignableResponse {
  return { status, headers: createHeaderFields([...JSON_LINES, ...lines].flat()), request }
}

const JSON_LINES: Lines = [['Content-Type', 'application/json']]

async function signedResponse(request: SignableRequest, options: Partial<SignResponseOptions> = {}): Promise<Lines> {
  return signResponse(aResponse(request, []), { ...SIGNING, ...options })
}

describe('signResponse', () => {
  it('covers the answer and the request it answers', async () => {
    const lines = new Map(await signedResponse(await signedRequest(), { requestLabel: 'sig1', tag: 'agent-auth' }))
    expect(lines.get('Content-Digest')).toBe(createContentDigest(CONTENT))
    expect(lines.get('Signature-Input')).toBe(
      'sig1=("@status" "content-digest" "content-type" "@method";req "@authority";req "@path";req "@query";req "signature-input";req;key="sig1");created=1767225600;keyid="server-1";tag="agent-auth"',
    )
  })

  it('waits for a key that signs elsewhere', async () => {
    const { sign } = await import('node:crypto')
    const key = async (data: Uint8Array): Promise<Uint8Array> => sign(null, data, privateKey)
    const request = await signedRequest()
    const lines = await signedResponse(request, { key })
    expect(verifyResponse(aResponse(request, lines), VERIFYING)).toMatchObject({ key: KEY })
  })

  it('needs no digest for an answer without content', async () => {
    const request = await signedRequest()
    const { content: _content, ...options } = SIGNING
    const lines = await signResponse(aResponse(request, [], 204), options)
    expect(lines.map(([name]) => name)).toEqual(['Signature-Input', 'Signature'])
    expect(verifyResponse(aResponse(request, lines, 204), { ...VERIFYING, content: new Uint8Array() }).key).toBe(KEY)
  })
})

describe('verifyResponse', () => {
  it('accepts what signResponse signed', async () => {
    const request = await signedRequest()
    const lines = await signedResponse(request, { requestLabel: 'sig1', expires: CREATED + 60 })
    const verified = verifyResponse(aResponse(request, lines), { ...VERIFYING, requestLabel: 'sig1' })
    expect(verified).toMatchObject({ label: 'sig1', parameters: { created: CREATED, keyid: 'server-1' } })
  })

  it('refuses an answer to another request', async () => {
    const lines = await signedResponse(await signedRequest('n-1'), { requestLabel: 'sig1' })
    const response = aResponse(await signedRequest('n-2'), lines)
    expect(() => verifyResponse(response, { ...VERIFYING, requestLabel: 'sig1' })).toThrow(refusal('signature_invalid'))
  })

  it('refuses an answer that is bound to no request', async () => {
    const request = await signedRequest()
    const lines = await signedResponse(request)
    expect(() => verifyResponse(aResponse(request, lines), { ...VERIFYING, requestLabel: 'sig1' })).toThrow(
      refusal('coverage_insufficient'),
    )
  })

  it('refuses another status, type or content', async () => {
    const request = await signedRequest()
    const lines = await signedResponse(request)
    expect(() => verifyResponse(aResponse(request, lines, 200), VERIFYING)).toThrow(refusal('signature_invalid'))
    const other = Buffer.from('{"refund":"rf_2"}')
    expect(() => verifyResponse(aResponse(request, lines), { ...VERIFYING, content: other })).toThrow(
      refusal('digest_mismatch'),
    )
    const typed = { ...aResponse(request, lines), headers: createHeaderFields(lines.flat()) }
    expect(() => verifyResponse(typed, VERIFYING)).toThrow(refusal('signature_invalid'))
  })

  it('refuses a stale answer, an unsigned one and one by a stranger', async () => {
    const request = await signedRequest()
    const response = aResponse(request, await signedResponse(request))
    expect(() => verifyResponse(response, { ...VERIFYING, nowMs: (CREATED + 301) * 1000 })).toThrow(
      refusal('signature_expired'),
    )
    expect(() => verifyResponse(aResponse(request, []), VERIFYING)).toThrow(refusal('signature_malformed'))
    expect(() => verifyResponse(response, { ...VERIFYING, keys: [{ ...KEY, keyId: 'x', thumbprint: 'y' }] })).toThrow(
      refusal('key_unknown'),
    )
  })

  it('cannot do without the request', async () => {
    const { request: _request, ...alone } = aResponse(await signedRequest(), [])
    expect(() => verifyResponse(alone, VERIFYING)).toThrow(refusal('signature_malformed'))
  })
})

function refusal(code: string): Error {
  return expect.objectContaining({ code })
}
