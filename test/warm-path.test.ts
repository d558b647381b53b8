import { generateKeyPairSync, sign } from 'node:crypto'
import { body, capabilityRules, requireCapability } from '@countermark/capability'
import { type AgentRequest, type Check, createGuardComposer, createGuardSettings } from '@countermark/core'
import type { Guard, Verdict } from '@countermark/core/internal'
import { verifyDelegation } from '@countermark/delegation'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { httpSignatures, simpleHeaders, verifySignature } from '@countermark/signature'
import { aRequest, createFakeClock, createTestAgent, keySourceOf, type TestAgent } from '@countermark/testing'

const ISSUER = 'https://auth.example.com'
const AUDIENCE = 'https://api.example.com'
const CONTENT = { body: '{"amount":4200}', headers: { 'Content-Type': 'application/json' } }

interface Scene {
  readonly agent: TestAgent
  readonly guard: Guard
  readonly token: string
}

async function aScene(): Promise<Scene> {
  const clock = createFakeClock()
  const agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const settings = createGuardSettings({ origins: ['https://api.example.com'], clock })
  const keys = { jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a' }] } }
  const guard = createGuardComposer(settings)({}, [
    verifySignature({ keys: keySourceOf(agent), accept: [httpSignatures(), simpleHeaders({ version: 1 })] }),
    preventReplay({ store: memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true }) }) as Check,
    verifyDelegation({ issuers: [{ issuer: ISSUER, keys }], audience: AUDIENCE, requirePoP: false }),
    requireCapability('orders:write', { amount: body('/amount') }, capabilityRules()) as Check,
  ])
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const times = { iat: clock.seconds(), exp: clock.seconds() + 300 }
  const names = { iss: ISSUER, aud: AUDIENCE, sub: 'user_17', client_id: 'agt_buyer', act: { sub: 'agt_buyer' } }
  const claims = { ...names, ...times, scope: 'orders:write', jti: 'j' }
  const text = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'a' })}.${encode(claims)}`
  return { agent, guard, token: `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}` }
}

function codeOf(verdict: Verdict): string {
  return verdict.outcome === 'allow' ? 'accepted' : verdict.refusal.code
}

describe('a guard whose caches are warm', () => {
  it.each([
    ['without content', 'GET', { headers: {} }],
    ['with content that is here', 'POST', CONTENT],
  ] as const)('decides at once about a request %s', async (_what, method, content) => {
    const { agent, guard, token } = await aScene()
    const prepare = async (): Promise<AgentRequest> => {
      const headers = { ...content.headers, Authorization: `Bearer ${token}` }
      const signed = await agent.signRequest({ ...content, method, url: 'https://api.example.com/orders', headers })
      return aRequest({ ...signed, headers: signed.headerLines })
    }
    expect(codeOf(await guard(await prepare()))).toBe('accepted')
    const verdict = guard(await prepare())
    expect(['then' in verdict, verdict]).toMatchObject([
      false,
      { outcome: 'allow', agent: { level: 'signed', delegation: { subject: 'user_17' } } },
    ])
  })

  it('refuses at once as well', async () => {
    const { agent, guard, token } = await aScene()
    const headers = { Authorization: `Bearer ${token}` }
    const signed = await agent.signRequest({ url: 'https://api.example.com/orders', headers })
    const request = (): AgentRequest => aRequest({ ...signed, headers: signed.headerLines })
    await guard(request())
    expect(guard(request())).toMatchObject({ outcome: 'deny', refusal: { code: 'replay_detected' } })
  })
})
