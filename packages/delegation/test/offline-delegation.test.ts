import { createPublicKey } from 'node:crypto'
import type { AgentKey } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import { agentKeyOf, createTestAgent, keySourceOf } from '@countermark/testing'
import { createRevocations, type DelegateOfflineOptions, type RevocationEvent } from '../src/index.ts'
import { createDpopProver } from './dpop-prover.ts'
import { useOfflineChain } from './offline-chain.ts'
import { createTokenCaller, signedBy } from './token-call.ts'
import { AUDIENCE, NOW } from './token-issuer.ts'

const { issuer, clock, buyer, worker, helper, mint, handOn, handOnAgain, ask, codeOf, forge } = useOfflineChain()

describe('a token that an agent handed on', () => {
  it('shows the whole chain, and only what every link allows', async () => {
    const details = [
      { type: 'urn:agent-auth:capability:1', constraints: { max_amount: { currency: 'EUR', value: 500 } } },
    ]
    const token = await handOn({
      token: await mint({ authorization_details: [{ type: 'a' }] }),
      authorizationDetails: details,
    })
    expect(await ask(token)).toMatchObject({
      agent: { id: 'agt_worker', level: 'signed' },
      delegation: {
        issuer: 'https://auth.example.com',
        subject: 'user_17',
        tokenId: 'dlg_1',
        actor: { id: 'agt_worker' },
        priorActors: [{ id: 'agt_buyer' }],
        scopes: ['orders:read'],
        authorizationDetails: [[{ type: 'a' }], details],
        audiences: [AUDIENCE],
        issuedAt: NOW,
        expiresAt: NOW + 300,
        binding: 'jwk',
      },
    })
  })

  it('may be handed on again, by another kind of key', async () => {
    const again = await handOnAgain()
    expect(await ask(again, ['agt_helper', helper])).toMatchObject({
      delegation: { actor: { id: 'agt_helper' }, priorActors: [{ id: 'agt_worker' }, { id: 'agt_buyer' }] },
    })
  })

  it('is remembered like any other, and ends with the first of its links', async () => {
    const caller = createTokenCaller([issuer()], { offline: {} })
    const input = { token: await handOn({ lifetimeSeconds: 60 }), facts: signedBy('agt_worker', worker.thumbprint) }
    await caller.answer(input)
    expect(caller.answer(input)).not.toBeInstanceOf(Promise)
    caller.clock.advance(60_000)
    expect(await caller.codeOf(input)).toBe('token_expired')
  })

  it('counts only for the one it was handed to, with the key it names', async () => {
    const token = await handOn()
    expect(await codeOf(token, ['agt_buyer', buyer])).toBe('token_binding_mismatch')
    expect(await codeOf(token, ['agt_worker', buyer])).toBe('token_binding_mismatch')
    expect(await codeOf(token, ['agt_mallory', worker])).toBe('actor_mismatch')
  })

  it('is not taken where it is not switched on', async () => {
    const caller = createTokenCaller([issuer()])
    expect(await caller.codeOf({ token: await handOn(), facts: signedBy('agt_worker', worker.thumbprint) })).toBe(
      'token_malformed',
    )
  })
})

describe('scopes that are handed on', () => {
  it('are those that were granted, or what covers them by the rule of the guard', async () => {
    const token = await handOn({ scopes: ['orders:read:eu'] })
    expect(await codeOf(token)).toBe('chain_invalid')
    const coversScope = (granted: string, wanted: string): boolean => wanted.startsWith(granted)
    expect(await codeOf(token, undefined, { offline: { coversScope } })).toBe('accepted')
    expect(await codeOf(await handOn({ scopes: [] }))).toBe('accepted')
  })
})

describe('a key that is known by its thumbprint only', () => {
  it('must be known to the source of agents', async () => {
    const [agent, receiver] = await Promise.all(
      ['agt_buyer', 'agt_worker'].map((agentId) => createTestAgent({ agentId })),
    )
    if (agent === undefined || receiver === undefined) throw new Error('there are no agents')
    const known = keySourceOf(agent, receiver)
    const signer = { algorithm: 'EdDSA', thumbprint: agent.thumbprint, sign: agent.sign } as const
    const token = await handOn({
      token: await mint({ cnf: { kid: agent.thumbprint } }),
      key: signer,
      to: { agentId: 'agt_worker', key: receiver.thumbprint },
    })
    const facts = signedBy('agt_worker', receiver.thumbprint)
    const caller = (agents?: typeof known): ReturnType<typeof createTokenCaller> =>
      createTokenCaller([issuer()], agents === undefined ? { offline: {} } : { offline: {}, agents })
    expect(await caller(known).codeOf({ token, facts })).toBe('accepted')
    expect(await caller().codeOf({ token, facts })).toBe('chain_invalid')
    expect(await caller(keySourceOf(receiver)).codeOf({ token, facts })).toBe('chain_invalid')
    const revoked: AgentKey = agentKeyOf(agent, { state: 'revoked' })
    expect(await caller(keySourceOf(revoked, receiver)).codeOf({ token, facts })).toBe('key_revoked')
  })
})

describe('a key in the chain that the source of agents calls revoked', () => {
  it.each(['active', 'revoked'] as const)('ends it: %s', async (state) => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const key = { ...agentKeyOf(agent), thumbprint: buyer.thumbprint, state }
    const token = await handOn()
    const code = state === 'active' ? 'accepted' : 'key_revoked'
    expect(await codeOf(token, undefined, { agents: keySourceOf(key) })).toBe(code)
  })
})

describe('an agent that the token does not name', () => {
  it.each(['refuse', 'accept'] as const)(
    'may use DPoP where the source of agents knows its key, so that no agent names another: %s',
    async (unknownAgents) => {
      const prove = createDpopProver()
      const token = await forge({ cnf: { jkt: prove.thumbprint } })
      const headers = [['DPoP', await prove.prove({ token, at: NOW })]] as const
      const agent = await createTestAgent({ agentId: 'agt_buyer' })
      const proven = {
        ...agentKeyOf(agent),
        agent: { id: 'agt_worker', state: 'active' },
        keyId: prove.thumbprint,
      } as const
      const sources = [keySourceOf(agent, { ...proven, thumbprint: prove.thumbprint }), keySourceOf(agent, proven)]
      const codes = await Promise.all(
        [...sources, undefined].map((agents) => {
          const store = memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true })
          const options = { offline: {}, dpop: { store }, unknownAgents, ...(agents === undefined ? {} : { agents }) }
          return createTokenCaller([issuer()], options).codeOf({ token, scheme: 'DPoP', headers })
        }),
      )
      expect(codes).toEqual(['accepted', 'actor_unauthorized', 'actor_unauthorized'])
    },
  )
})

describe('a revocation', () => {
  it.each<readonly [string, RevocationEvent]>([
    ['of the token at its beginning', { type: 'token', issuer: 'https://auth.example.com', tokenId: 'dlg_1' }],
    ['of a link', { type: 'token', issuer: 'agt_buyer', tokenId: 'link_1' }],
    ['of an agent in it', { type: 'agent', agentId: 'agt_buyer' }],
    ['of the agent at its end', { type: 'agent', agentId: 'agt_worker' }],
    ['of a key that signed in it', { type: 'key', thumbprint: buyer.thumbprint }],
    ['of the user', { type: 'user', issuer: 'https://auth.example.com', subject: 'user_17' }],
  ])('%s ends the whole chain', async (_what, event) => {
    const revocations = createRevocations({ clock })
    const token = await forge({})
    expect(await codeOf(token, undefined, { revocations })).toBe('accepted')
    revocations.apply(event)
    expect(await codeOf(token, undefined, { revocations })).toBe('token_revoked')
  })
})

describe('delegateOffline', () => {
  it.each<readonly [string, Partial<DelegateOfflineOptions>]>([
    ['bound to', { key: worker.privateKey }],
    ['private Ed25519', { key: 'agent-key.pem' }],
    ['private Ed25519', { key: createPublicKey(buyer.privateKey) }],
    ['scopes', { scopes: ['a b'] }],
    ['lifetimeSeconds', { lifetimeSeconds: 0 }],
    ['maxDepth', { maxDepth: -1 }],
    ['key', { to: { agentId: 'agt_worker', key: { kty: 'oct', k: 'AAAA' } } }],
    ['to.agentId', { to: { agentId: '', key: worker.jwk } }],
    ['did you mean scopes', { scope: 'orders:read' } as Partial<DelegateOfflineOptions>],
  ])('refuses what services would refuse: %s', async (message, changes) => {
    await expect(handOn(changes)).rejects.toThrow(message)
  })

  it('refuses a token that is bound to no key, or that has grown too long', async () => {
    await expect(handOn({ token: await mint({ cnf: undefined }) })).rejects.toThrow('bound to a key')
    await expect(handOn({ token: await mint({ pad: 'x'.repeat(5500) }) })).rejects.toThrow('too long')
  })

  it('takes the key as PEM, as agents keep it', async () => {
    const key = buyer.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect(await codeOf(await handOn({ key }))).toBe('accepted')
  })

  it('never promises more time than there is', async () => {
    const result = await ask(await handOn({ token: await mint({ exp: NOW + 20 }) }))
    expect(result).toMatchObject({ delegation: { expiresAt: NOW + 20 } })
  })
})
