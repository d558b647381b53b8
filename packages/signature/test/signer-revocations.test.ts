import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type AgentKey, createHeaderFields } from '@countermark/core'
import type { RevokedKeys } from '@countermark/core/internal'
import {
  agentKeyOf,
  createFakeClock,
  createTestAgent,
  createTestEnvironment,
  keySourceOf,
  type TestAgent,
} from '@countermark/testing'
import {
  answerMessageChallenge,
  createMessageChallenges,
  type SignerRevocations,
  signAction,
  verifyAction,
  verifyMessage,
  verifySignature,
} from '../src/index.ts'
import { createRememberingStore } from './remembering-store.ts'

const clock = createFakeClock()
const environment = createTestEnvironment({ clock })
const NOW = clock.wallMs() / 1000
const SECRET = Buffer.alloc(32, 7)

interface Told extends SignerRevocations {
  readonly asked: unknown[]
  readonly clocks: unknown[]
  readonly tell: (revoked: RevokedKeys) => void
}

function revocationsThatSay(found: 'agent' | 'key' | undefined, isStale = false): Told {
  const asked: unknown[] = []
  const clocks: unknown[] = []
  const listeners: ((revoked: RevokedKeys) => void)[] = []
  return {
    asked,
    clocks,
    findSigner: (signer) => {
      asked.push(signer)
      return found
    },
    isStale: () => isStale,
    follow: (listener) => void listeners.push(listener),
    useClock: (told) => void clocks.push(told),
    tell: (revoked) => listeners.forEach((listener) => void listener(revoked)),
  }
}

interface Signing {
  readonly agent: TestAgent
  readonly key: KeyObject
}

async function aSigner(): Promise<Signing> {
  const { privateKey: key } = generateKeyPairSync('ed25519')
  const privateJwk = key.export({ format: 'jwk' }) as never
  return { key, agent: await createTestAgent({ agentId: 'agt_buyer', clock, privateJwk }) }
}

/** What judges signatures apart from requests, each with a signature made now that holds. */
const JUDGES: readonly [string, (signer: Signing, revocations: SignerRevocations) => Promise<unknown>][] = [
  [
    'verifyAction',
    async ({ agent, key }, revocations) => {
      const keys = keySourceOf(agent)
      const order = await signAction({
        ...{
          action: 'refunds:create',
          parameters: {},
          audience: 'billing',
          agentId: agent.agentId,
          keyId: agent.keyId,
        },
        ...{ key, created: NOW, expires: NOW + 60, nonce: 'b3k2pp5k7z' },
      })
      return verifyAction({ keys, store: createRememberingStore(), audience: 'billing', revocations })(
        order,
        environment,
      )
    },
  ],
  ['challenges of this process', (signer, revocations) => answer(signer, revocations, {})],
  [
    'challenges of several processes',
    (signer, revocations) => answer(signer, revocations, { store: createRememberingStore(), secret: SECRET }),
  ],
  [
    'verifyMessage',
    async ({ agent }, revocations) => {
      const signed = await agent.signRequest({ created: NOW })
      const message = { ...signed, headers: createHeaderFields(signed.headerLines.flat()) }
      return verifyMessage(message, { keys: [agentKeyOf(agent)], nowMs: clock.wallMs(), policy: 'bare', revocations })
    },
  ],
]

async function answer({ agent, key }: Signing, revocations: SignerRevocations, shared: object): Promise<unknown> {
  const challenges = createMessageChallenges({ keys: keySourceOf(agent), ttlSeconds: 60, revocations, ...shared })
  const { message } = challenges.issue({ purpose: 'approve-request' }, environment)
  const { agentId } = agent
  return challenges.verify(
    await answerMessageChallenge({ agentId, key, message, purpose: 'approve-request' }),
    environment,
  )
}

describe.each(JUDGES)('%s', (_name, judge) => {
  it.each([
    ['an agent', 'agent', false, 'agent_suspended'],
    ['a key', 'key', false, 'key_revoked'],
    ['nobody, in a feed that is silent,', undefined, true, 'revocation_unavailable'],
  ] as const)('refuses where %s was revoked', async (_what, found, isStale, code) => {
    await expect(judge(await aSigner(), revocationsThatSay(found, isStale))).rejects.toMatchObject({ code })
  })

  it('asks about the agent and the key, at the time of signing', async () => {
    const signer = await aSigner()
    const revocations = revocationsThatSay(undefined)
    await judge(signer, revocations)
    const { agentId, thumbprint } = signer.agent
    expect(revocations.asked).toEqual([{ agentId, thumbprint, created: NOW }])
  })
})

describe('revocations', () => {
  const keysThatForget = (forgotten: unknown[]) => ({
    ...keySourceOf(),
    forget: (revoked: RevokedKeys) => void forgotten.push(revoked),
  })

  it('let the key sources of actions and challenges forget', () => {
    const forgotten: unknown[] = []
    const revocations = revocationsThatSay(undefined)
    verifyAction({ keys: keysThatForget(forgotten), store: createRememberingStore(), audience: 'billing', revocations })
    createMessageChallenges({ keys: keysThatForget(forgotten), ttlSeconds: 60, revocations })
    revocations.tell({ agentId: 'agt_buyer' })
    expect(forgotten).toEqual([{ agentId: 'agt_buyer' }, { agentId: 'agt_buyer' }])
  })

  it('and stores of actions and challenges are told the clock once', async () => {
    const clocks: unknown[] = []
    const store = { ...createRememberingStore(), useClock: (told: unknown) => void clocks.push(told) }
    const revocations = revocationsThatSay(undefined)
    const verify = verifyAction({ keys: keySourceOf(), store, audience: 'billing', revocations })
    const challenges = createMessageChallenges({
      keys: keySourceOf(),
      ttlSeconds: 60,
      store,
      secret: SECRET,
      revocations,
    })
    const judges = [verify, verify, challenges.verify]
    for (const judge of judges)
      expect(() => judge({}, environment)).toThrow(expect.objectContaining({ code: 'request_malformed' }))
    expect([clocks, revocations.clocks]).toEqual([
      [clock, clock],
      [clock, clock],
    ])
  })

  it.each([
    [
      'verifyAction',
      (keys: AgentKey[], revocations: never) =>
        verifyAction({ keys: keySourceOf(...keys), store: createRememberingStore(), audience: 'billing', revocations }),
    ],
    [
      'createMessageChallenges',
      (keys: AgentKey[], revocations: never) =>
        createMessageChallenges({ keys: keySourceOf(...keys), ttlSeconds: 60, revocations }),
    ],
  ])('%s refuses what is none at start', (_name, create) => {
    expect(() => create([], {} as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('are part of how a check is set up', () => {
    const stated = (options: object) =>
      verifySignature({ keys: keySourceOf(), replay: 'elsewhere', ...options }).description?.settings
    expect(stated({})).not.toHaveProperty('revocations')
    expect(stated({ revocations: revocationsThatSay(undefined) })).toHaveProperty('revocations')
  })
})
