import { type AgentKey, createHeaderFields } from '@countermark/core'
import { agentKeyOf, createFakeClock, createTestAgent } from '@countermark/testing'
import type { VerifyMessageOptions } from '../../src/http/verify.ts'
import { type SignableRequest, verifyMessage } from '../../src/index.ts'

const clock = createFakeClock()

async function aScene(signing: Parameters<Awaited<ReturnType<typeof createTestAgent>>['signRequest']>[0] = {}) {
  const agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  const signed = await agent.signRequest({ url: 'https://api.example.com/a', ...signing })
  const message: SignableRequest = { ...signed, headers: createHeaderFields(signed.headerLines.flat()) }
  return { agent, message, key: agentKeyOf(agent) }
}

function codeOf(
  message: SignableRequest,
  options: Partial<VerifyMessageOptions> & { readonly keys: readonly AgentKey[] },
) {
  try {
    verifyMessage(message, { nowMs: clock.wallMs(), policy: 'bare', ...options })
    return 'accepted'
  } catch (error) {
    return (error as { readonly code: string }).code
  }
}

describe('verifyMessage', () => {
  it('tells which signature holds, and under which key', async () => {
    const { message, key, agent } = await aScene({ nonce: 'n-1' })
    const verified = verifyMessage(message, { keys: [key], nowMs: clock.wallMs(), policy: 'bare' })
    expect(verified).toMatchObject({ label: 'sig1', key, parameters: { nonce: 'n-1', keyid: agent.keyId } })
    expect(verified.base.split('\n').at(0)).toBe('"@method": GET')
  })

  it('judges neither age nor coverage when the policy is bare', async () => {
    const { message, key } = await aScene({ components: [], created: 1, expires: null })
    expect(codeOf(message, { keys: [key] })).toBe('accepted')
  })

  it.each([
    [{}, 'accepted'],
    [{ components: ['@method', '"@path"'] }, 'accepted'],
    [{ components: ['cookie'] }, 'coverage_insufficient'],
    [{ toleranceSeconds: 1 }, 'accepted'],
    [{ nonce: 'required' }, 'nonce_missing'],
    [{ expires: 'required' }, 'signature_malformed'],
  ] as const)('judges by the policy %j', async (policy, expected) => {
    const { message, key } = await aScene({ nonce: null, expires: null })
    expect(codeOf(message, { keys: [key], policy: { components: [], ...policy } })).toBe(expected)
  })

  it('finds keys by id or thumbprint, and tries all where no id is stated', async () => {
    const { message, key } = await aScene()
    expect(codeOf(message, { keys: [{ ...key, keyId: 'renamed' }] })).toBe('accepted')
    expect(codeOf(message, { keys: [{ ...key, keyId: 'renamed', thumbprint: 'other' }] })).toBe('key_unknown')
    const { message: anonymous, key: its } = await aScene({ keyId: null })
    expect(codeOf(anonymous, { keys: [key, its] })).toBe('accepted')
  })

  it('chooses by label and by tag', async () => {
    const { message, key } = await aScene({ label: 'mine', tag: 'app' })
    expect(codeOf(message, { keys: [key], label: 'mine', tag: 'app' })).toBe('accepted')
    expect(codeOf(message, { keys: [key], label: 'other' })).toBe('credentials_missing')
    expect(codeOf(message, { keys: [key], tag: 'other' })).toBe('credentials_missing')
  })

  it('checks the content against a covered digest', async () => {
    const { message, key } = await aScene({ body: 'a' })
    expect(codeOf(message, { keys: [key], content: Buffer.from('a') })).toBe('accepted')
    expect(codeOf(message, { keys: [key], content: Buffer.from('b') })).toBe('digest_mismatch')
  })

  it('uses no key that may not be used', async () => {
    const { message, key } = await aScene()
    expect(codeOf(message, { keys: [{ ...key, state: 'revoked' }] })).toBe('key_revoked')
    expect(codeOf(message, { keys: [key], algorithms: ['rsa-pss-sha512'] })).toBe('algorithm_not_allowed')
    expect(codeOf(message, { keys: [{ ...key, state: 'revoked' }, key] })).toBe('accepted')
  })
})
