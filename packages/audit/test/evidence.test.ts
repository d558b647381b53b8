import { readFile } from 'node:fs/promises'
import type { Check } from '@countermark/core'
import { verifyDelegation } from '@countermark/delegation'
import { memoryReplayStore } from '@countermark/replay'
import type { TestAgent } from '@countermark/testing'
import type { SealedMembers } from '../src/record/chain.ts'
import { type AuditedApp, type AuditedAppInput, FRAMEWORKS, signedOnce, startAuditedApp } from './audited-app.ts'
import { isSignedByAgent, type Line, problemsOf } from './independent-verifier.ts'
import { AUDIENCE, createProver, createTokenKit, type TokenKit } from './token-kit.ts'

const URL_7 = 'https://api.example.com/orders/7?limit=2'

function withTokens(kit: TokenKit, agent: TestAgent | undefined): readonly Check[] {
  const store = memoryReplayStore({ allowSingleProcess: true })
  const options = { issuers: [kit.options], audience: AUDIENCE, requirePoP: false, dpop: { store } }
  return [...(agent === undefined ? [] : signedOnce(agent)), verifyDelegation(options)]
}

describe.each(FRAMEWORKS)('evidence of requests to %s', (framework) => {
  let app: AuditedApp
  const start = async (input: AuditedAppInput = {}): Promise<void> => {
    app = await startAuditedApp({ framework, ...input })
  }
  afterEach(() => app.close())

  /** The one decision, after somebody else has looked at the whole file. */
  async function decided(): Promise<SealedMembers & Line> {
    const records = await app.records()
    const text = await readFile(app.path, 'utf8')
    expect(problemsOf(text.trimEnd().split('\n'))).toEqual([])
    const decision = records.find(({ record }) => record.type === 'decision')
    return JSON.parse(JSON.stringify(decision))
  }

  const gradeOf = ({ record }: SealedMembers): unknown =>
    record.type === 'decision' ? record.evidence.grade : undefined

  it.each(['httpsig', 'simple-v1'] as const)('a request signed by %s verifies alone', async (form) => {
    await start()
    await app.send({ url: URL_7, method: 'POST', body: '{"amount":3}', form })
    const decision = await decided()
    expect([gradeOf(decision), isSignedByAgent(decision)]).toEqual(['signature', true])
  })

  it('one letter less does not', async () => {
    await start()
    await app.send({ url: URL_7, method: 'POST', body: '{"amount":3}' })
    const decision = await decided()
    const value = decision.private['signed']?.value.replace('"@method": POST', '"@method": PUT') ?? ''
    const altered = { ...decision, private: { signed: { salt: '', value } } }
    expect(isSignedByAgent(altered)).toBe(false)
  })

  it('content alone, as simple-v0 signs it, verifies with the content', async () => {
    await start()
    const body = '{"amount":3}'
    await app.send({ url: 'https://api.example.com/orders/7', method: 'POST', body, form: 'simple-v0' })
    const decision = await decided()
    expect([gradeOf(decision), isSignedByAgent(decision)]).toEqual(['signature+content', false])
    expect(isSignedByAgent(decision, { content: body })).toBe(true)
    expect(JSON.stringify(decision)).not.toContain('amount')
  })

  it.each(['Bearer', 'Agent-Delegation'])(
    'a signature over a token (%s) verifies with the token, which is not there',
    async (how) => {
      const kit = createTokenKit()
      await start({ checks: (agent) => withTokens(kit, agent) })
      const token = kit.mint()
      const [name, value] = how === 'Bearer' ? ['Authorization', `Bearer ${token}`] : [how, token]
      const components = [
        '@method',
        '@authority',
        '@path',
        '@query',
        'content-digest',
        'agent-id',
        name?.toLowerCase() ?? '',
      ]
      const headers = [[name ?? '', value ?? '']] as const
      const { status } = await app.send({ url: URL_7, method: 'POST', headers, body: '{}', components })
      const decision = await decided()
      expect([status, gradeOf(decision)]).toEqual([201, 'signature+token'])
      expect(JSON.stringify(decision)).not.toContain(token.split('.')[2])
      expect(isSignedByAgent(decision)).toBe(false)
      expect(isSignedByAgent(decision, { token })).toBe(true)
      expect(() => isSignedByAgent(decision, { token: `${token}x` })).toThrow('not what was sent')
    },
  )

  it('a DPoP proof verifies alone', async () => {
    const [kit, prover] = [createTokenKit(), createProver()]
    await start({ checks: () => withTokens(kit, undefined), guard: { minimumLevel: { unsafe: 'bound' } } })
    const token = kit.mint({ cnf: { jkt: prover.thumbprint } })
    const proof = prover.prove({ token, method: 'POST' })
    const { status } = await app.sendRaw(
      `POST /orders/7 HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: DPoP ${token}\r\nDPoP: ${proof}\r\nContent-Length: 0\r\n\r\n`,
    )
    const decision = await decided()
    expect([status, gradeOf(decision), isSignedByAgent(decision)]).toEqual([201, 'possession', true])
  })

  it('a bearer is what its issuer said, and for whom', async () => {
    const kit = createTokenKit()
    await start({ checks: () => withTokens(kit, undefined), guard: { minimumLevel: { unsafe: 'bearer' } } })
    const token = kit.mint({ act: { sub: 'agt_buyer', act: { sub: 'agt_planner' } } })
    await app.sendRaw(
      `POST /orders/7 HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\n\r\n`,
    )
    const decision = await decided()
    expect(decision.record).toMatchObject({
      decision: 'allow',
      delegation: { issuer: 'https://auth.example.com', actor: { id: 'agt_buyer' }, depth: 2 },
      evidence: { grade: 'bearer', claimsHash: expect.stringMatching(/^[\w-]{43}$/) },
    })
    expect(decision.private['user']?.value).toBe('user_17')
    expect(JSON.parse(decision.private['actors']?.value ?? '')).toEqual([{ id: 'agt_buyer' }, { id: 'agt_planner' }])
  })
})
