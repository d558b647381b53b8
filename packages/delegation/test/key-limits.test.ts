import type { AgentKey, KeySource } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import { agentKeyOf, createTestAgent, keySourceOf, type TestAgent } from '@countermark/testing'
import type { VerifyDelegationOptions } from '../src/index.ts'
import { createDpopProver, type DpopProver } from './dpop-prover.ts'
import { useOfflineChain } from './offline-chain.ts'
import { createTokenCaller, signedBy, type TokenCaller } from './token-call.ts'
import { NOW } from './token-issuer.ts'

const { issuer, clock, buyer, worker, helper, mint, handOn, handOnAgain, codeOf, forge } = useOfflineChain()
const prover = createDpopProver()
let agent: TestAgent

beforeAll(async () => {
  agent = await createTestAgent({ agentId: 'agt_buyer' })
})

type Limits = Partial<AgentKey>

function keyOf(agentId: string, { thumbprint }: Pick<DpopProver, 'thumbprint'>, limits: Limits = {}): AgentKey {
  return { ...agentKeyOf(agent), agent: { id: agentId, state: 'active' }, keyId: thumbprint, thumbprint, ...limits }
}

/** What each use of a key answers, for limits that exclude every use. */
const EXCLUDED: readonly (readonly [name: string, limits: Limits, code: string])[] = [
  ['begins later', { notBefore: NOW + 1 }, 'key_not_yet_valid'],
  ['has ended', { notAfter: NOW - 1 }, 'key_expired'],
  ['was revoked', { state: 'revoked' }, 'key_revoked'],
  ['is for simple signatures alone', { schemes: ['simple-v1'] }, 'key_invalid'],
]

function dpopCaller(agents: KeySource, more: Partial<VerifyDelegationOptions> = {}): TokenCaller {
  const store = memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true })
  return createTokenCaller([issuer()], { offline: {}, dpop: { store }, agents, ...more })
}

async function prove(token: string, agents: KeySource, signer?: string): Promise<string> {
  const headers = [['DPoP', await prover.prove({ token, at: NOW })]] as const
  const facts = signer === undefined ? {} : { facts: signedBy(signer, buyer.thumbprint) }
  return dpopCaller(agents).codeOf({ token, scheme: 'DPoP', headers, ...facts })
}

describe('a DPoP proof of a registered key', () => {
  const bound = (): Promise<string> => issuer().mint({ cnf: { jkt: prover.thumbprint } })

  it.each(EXCLUDED)('counts only within its limits: %s', async (_name, limits, code) => {
    const source = keySourceOf(keyOf('agt_buyer', prover, limits))
    expect(await prove(await bound(), source)).toBe(code)
    expect(await prove(await bound(), source, 'agt_buyer')).toBe(code)
  })

  it('is good where the key is for DPoP, and not where it is for signatures', async () => {
    const ask = async (schemes: AgentKey['schemes']): Promise<string> =>
      prove(await bound(), keySourceOf(keyOf('agt_buyer', prover, { schemes, notBefore: NOW, notAfter: NOW })))
    expect([await ask(undefined), await ask(['dpop']), await ask(['httpsig'])]).toEqual([
      'accepted',
      'accepted',
      'key_invalid',
    ])
  })

  it('counts by the entry that allows it where the key is listed twice, unless one says that it was revoked', async () => {
    const ask = async (other: Limits): Promise<string> => {
      const listed = [keyOf('agt_buyer', prover, { keyId: 'other', ...other }), keyOf('agt_buyer', prover)]
      return prove(await bound(), keySourceOf(...listed))
    }
    expect([await ask({ schemes: ['httpsig'] }), await ask({ notAfter: NOW - 1 })]).toEqual(['accepted', 'accepted'])
    expect(await ask({ state: 'revoked' })).toBe('key_revoked')
  })

  it('ends with its key while the token is remembered', async () => {
    const caller = dpopCaller(keySourceOf(keyOf('agt_buyer', prover, { notAfter: NOW + 1 })))
    const token = await bound()
    const ask = async (at: number): Promise<string> =>
      caller.codeOf({ token, scheme: 'DPoP', headers: [['DPoP', await prover.prove({ token, at })]] })
    expect(await ask(NOW)).toBe('accepted')
    caller.clock.advance(2_000)
    expect(await ask(NOW + 2)).toBe('key_expired')
  })

  it('is challenged like a token that does not count', async () => {
    const token = await bound()
    const headers = [['DPoP', await prover.prove({ token, at: NOW })]] as const
    const caller = dpopCaller(keySourceOf(keyOf('agt_buyer', prover, { notAfter: NOW - 1 })))
    const { challenges } = await caller.refuse({ token, scheme: 'DPoP', headers })
    expect(challenges).toEqual([
      expect.stringMatching(/^DPoP .*error="invalid_token".*error_description="key_expired"/),
    ])
  })

  it.each(EXCLUDED)('of an agent that was handed the token: %s', async (_name, limits, code) => {
    const token = await forge({ cnf: { jkt: prover.thumbprint } })
    const source = keySourceOf(keyOf('agt_buyer', buyer), keyOf('agt_worker', prover, limits))
    expect(await prove(token, source)).toBe(code)
  })
})

describe('a link signed with a registered key', () => {
  it.each(EXCLUDED)('counts only within its limits where the token holds the key: %s', async (_name, limits, code) => {
    expect(await codeOf(await handOn(), undefined, { agents: keySourceOf(keyOf('agt_buyer', buyer)) })).toBe('accepted')
    const agents = keySourceOf(keyOf('agt_buyer', buyer, limits))
    expect(await codeOf(await handOn(), undefined, { agents })).toBe(code)
  })

  it.each(EXCLUDED)('counts only within its limits where the token names the key: %s', async (_name, limits, code) => {
    const signer = { algorithm: 'EdDSA', thumbprint: agent.thumbprint, sign: agent.sign } as const
    const token = await handOn({ token: await mint({ cnf: { kid: agent.thumbprint } }), key: signer })
    const ask = (change: Limits): Promise<string> =>
      codeOf(token, undefined, { agents: keySourceOf(keyOf('agt_buyer', agent, change)) })
    expect([await ask({}), await ask(limits)]).toEqual(['accepted', code])
  })

  it('is good where the key is for signatures of requests, and not where it is for DPoP', async () => {
    const ask = async (schemes: AgentKey['schemes']): Promise<string> =>
      codeOf(await handOn(), undefined, { agents: keySourceOf(keyOf('agt_buyer', buyer, { schemes })) })
    expect([await ask(['httpsig']), await ask(['dpop'])]).toEqual(['accepted', 'key_invalid'])
  })

  it.each(EXCLUDED)('by a middle hand counts only within its limits: %s', async (_name, limits, code) => {
    const token = await handOnAgain()
    const ask = (change: Limits): Promise<string> => {
      const agents = keySourceOf(keyOf('agt_buyer', buyer), keyOf('agt_worker', worker, change))
      return codeOf(token, ['agt_helper', helper], { agents })
    }
    expect([await ask({}), await ask(limits)]).toEqual(['accepted', code])
  })
})
