import { type AgentRequest, Refusal, type RefusalCode } from '@countermark/core'
import { aRequest, createTestAgent, createTestEnvironment, keySourceOf } from '@countermark/testing'
import type { HttpSignaturesOptions } from '../../src/http/settings.ts'
import { httpSignatures, parseAcceptSignature, type VerifySignatureOptions, verifySignature } from '../../src/index.ts'
import { judge, received } from '../run-check.ts'

const POST = aRequest({
  url: 'https://api.example.com/v1/refunds?dry_run=false',
  body: '{}',
  headers: { 'Content-Type': 'application/json', Authorization: 'Bearer t' },
})

interface Challenge {
  readonly request?: AgentRequest
  readonly nonce?: string
  readonly options?: HttpSignaturesOptions
}

function fieldsFor(code: RefusalCode, { request = POST, nonce, options = {} }: Challenge = {}): Record<string, string> {
  const context = { refusal: new Refusal(code, 'refused'), request, environment: createTestEnvironment(), nonce }
  return Object.fromEntries(httpSignatures(options).challenge(context))
}

describe('the challenge of httpSignatures', () => {
  it('asks for exactly what this request needs', () => {
    expect(fieldsFor('credentials_missing', { nonce: 'fresh' })).toEqual({
      'WWW-Authenticate': 'Signature realm="api.example.com"',
      'Accept-Signature':
        'sig1=("@method" "@authority" "@path" "@query" "content-digest" "content-type" "authorization");created;expires;nonce="fresh";tag="agent-auth"',
      'Want-Content-Digest': 'sha-256=10, sha-512=3',
    })
  })

  it('asks for no digest of no content, and for no nonce that nobody issues', () => {
    const request = aRequest({ headers: { 'Content-Type': 'text/plain' } })
    expect(fieldsFor('credentials_missing', { request })).toEqual({
      'WWW-Authenticate': 'Signature realm="api.example.com"',
      'Accept-Signature': 'sig1=("@method" "@authority" "@path");created;expires;tag="agent-auth"',
    })
  })

  it('follows the settings', () => {
    const options = { expires: 'optional', tags: 'any', coverage: { also: ['x-tenant'], whenPresent: [] } } as const
    const request = aRequest()
    expect(fieldsFor('nonce_missing', { request, options })['Accept-Signature']).toBe(
      'sig1=("@method" "@authority" "@path" "x-tenant");created',
    )
  })

  it('names the member of Signature-Agent to cover', () => {
    const request = aRequest({ headers: { 'Signature-Agent': 'mine="https://agent.example"' } })
    expect(fieldsFor('credentials_missing', { request })['Accept-Signature']).toContain('"signature-agent";key="mine"')
  })

  it.each([
    ['signature_expired', 'error=invalid_signature', true],
    ['replay_detected', 'error=invalid_signature', true],
    ['coverage_insufficient', 'error=invalid_input, required_input=("@method" "@authority" "@path")', true],
    [
      'algorithm_not_allowed',
      'error=unsupported_algorithm, supported_algorithms=("ed25519" "ecdsa-p256-sha256" "rsa-pss-sha512")',
      true,
    ],
    ['key_unknown', 'error=unknown_key', false],
    ['key_revoked', 'error=invalid_key', false],
    ['signature_malformed', 'error=invalid_signature', false],
    ['agent_suspended', undefined, false],
    ['rate_limited', undefined, false],
    ['key_source_unavailable', undefined, false],
  ] as const)('answers %s with its own error', (code, error, asksAgain) => {
    const fields = fieldsFor(code, { request: aRequest() })
    expect(fields['Signature-Error']).toBe(error)
    expect('Accept-Signature' in fields).toBe(asksAgain)
  })

  it('says nothing about refusals of other packages', () => {
    expect(fieldsFor('outside_hours' as RefusalCode)).toEqual({})
  })

  it('says which digest it wants when the digest was wrong', () => {
    expect(fieldsFor('digest_mismatch')).toMatchObject({ 'Want-Content-Digest': 'sha-256=10, sha-512=3' })
  })

  it('can be followed by an agent that knows nothing else', async () => {
    const environment = createTestEnvironment()
    const agent = await createTestAgent({ agentId: 'agt_buyer', clock: environment.clock })
    const [asked] = parseAcceptSignature([
      fieldsFor('credentials_missing', { nonce: 'fresh' })['Accept-Signature'] ?? '',
    ])
    const { components = [], nonce = '', tag = '' } = asked ?? {}
    const signed = await agent.signRequest({
      url: 'https://api.example.com/v1/refunds?dry_run=false',
      body: '{}',
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer t' },
      agentId: null,
      components,
      nonce,
      tag,
    })
    expect(await judge(received(signed), environment, { keys: keySourceOf(agent) })).toMatchObject({ proof: { nonce } })
  })
})

describe('the challenge of verifySignature', () => {
  it('is that of every accepted form, without repetition', () => {
    const options: VerifySignatureOptions = {
      keys: keySourceOf(),
      accept: [httpSignatures(), httpSignatures({ toleranceSeconds: 60 })],
    }
    const context = {
      refusal: new Refusal('credentials_missing', 'refused'),
      request: POST,
      environment: createTestEnvironment(),
      nonce: undefined,
    }
    const fields = verifySignature(options).description?.challenge?.(context) ?? []
    expect(fields.map(([name]) => name)).toEqual(['WWW-Authenticate', 'Accept-Signature', 'Want-Content-Digest'])
  })
})
