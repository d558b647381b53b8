import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type AgentKey, importPublicKey } from '@countermark/core'
import { createFakeClock, createTestEnvironment, keySourceOf } from '@countermark/testing'
import { answerMessageChallenge, isChallengeMessage } from '../../src/challenges/answer.ts'
import { createMessageChallenges, type MessageChallengesOptions } from '../../src/challenges/message-challenges.ts'
import { createRememberingStore } from '../remembering-store.ts'

const PURPOSE = 'approve-request'
const SECRET = Buffer.alloc(32, 7)

describe('createMessageChallenges', () => {
  it('accepts the literal answer to approve-request:174325', () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const keys = keySourceOf(agentKey)
    const challenges = createMessageChallenges({ keys, ttlSeconds: 60, unsafeCreateSuffix: () => '174325' })
    expect(challenges.issue({ purpose: PURPOSE }, environment).message).toBe('approve-request:174325')
    const answer = {
      agent_id: 'agent-code-reviewer-01',
      message: 'YXBwcm92ZS1yZXF1ZXN0OjE3NDMyNQ==',
      signature: sign(null, Buffer.from('approve-request:174325'), key).toString('base64'),
    }
    expect(challenges.verify(answer, environment)).toEqual({
      agent: { id: 'agent-code-reviewer-01', state: 'active' },
      keyId: 'k1',
      thumbprint: agentKey.thumbprint,
      purpose: 'approve-request',
      message: 'approve-request:174325',
    })
  })

  it('says when a challenge ends', () => {
    const challenges = createMessageChallenges({ keys: keySourceOf(), ttlSeconds: 60 })
    expect(challenges.issue({ purpose: PURPOSE }, createTestEnvironment()).expires).toBe(1_767_225_660)
  })

  it('gives a suffix of its own to every challenge', () => {
    const challenges = createMessageChallenges({ keys: keySourceOf(), ttlSeconds: 60 })
    const environment = createTestEnvironment()
    const messages = Array.from({ length: 100 }, () => challenges.issue({ purpose: PURPOSE }, environment).message)
    expect(new Set(messages).size).toBe(100)
    expect(messages.every(isChallengeMessage)).toBe(true)
  })

  it('hands out no more than it may keep, until the oldest ended', () => {
    const clock = createFakeClock()
    const environment = createTestEnvironment({ clock })
    const challenges = createMessageChallenges({ keys: keySourceOf(), ttlSeconds: 60, maxPending: 2 })
    const issue = () => challenges.issue({ purpose: PURPOSE }, environment)
    issue()
    clock.advance(30_000)
    issue()
    expect(issue).toThrow(expect.objectContaining({ code: 'overloaded', dependency: 'challenges' }))
    clock.advance(30_001)
    expect(issue().message).toMatch(/^approve-request:/)
    expect(issue).toThrow(expect.objectContaining({ code: 'overloaded' }))
  })

  it('does not hand out a suffix twice', () => {
    const options = { keys: keySourceOf(), ttlSeconds: 60, unsafeCreateSuffix: () => '174325' }
    const challenges = createMessageChallenges(options)
    challenges.issue({ purpose: PURPOSE }, createTestEnvironment())
    expect(() => challenges.issue({ purpose: PURPOSE }, createTestEnvironment())).toThrow(
      expect.objectContaining({ code: 'config_error' }),
    )
  })

  it('is answered in another process with the same secret and store', () => {
    const { key, agentKey } = anAgent()
    const shared = { keys: keySourceOf(agentKey), ttlSeconds: 60, store: createRememberingStore(), secret: SECRET }
    const environment = createTestEnvironment()
    const { message } = createMessageChallenges(shared).issue({ purpose: PURPOSE }, environment)
    const verdict = createMessageChallenges(shared).verify(answerTo(message, key), environment)
    expect(verdict).toMatchObject({ purpose: PURPOSE, message })
  })

  it('claims a message in the store until it ends, whoever answers', () => {
    const { key, agentKey } = anAgent()
    const store = createRememberingStore()
    const { message } = roundTrip({ keys: keySourceOf(agentKey), ttlSeconds: 60, store, secret: SECRET }, key)
    expect(store.claims).toEqual([
      {
        id: createHash('sha256').update(`challenge\n${message}`).digest(),
        thumbprint: agentKey.thumbprint,
        created: 1_767_225_600,
        acceptUntil: 1_767_225_660,
        nonce: undefined,
      },
    ])
  })

  it('waits for keys that come later', async () => {
    const { key, agentKey } = anAgent()
    const keys = { name: 'later', findKeys: async () => [agentKey] }
    expect(await roundTrip({ keys, ttlSeconds: 60 }, key).verdict).toMatchObject({ purpose: PURPOSE })
  })

  it.each([
    ['revoked', { state: 'revoked' }, 'key_revoked'],
    ['meant for requests only', { schemes: ['httpsig'] }, 'key_invalid'],
    ['meant for simple-v0', { schemes: ['simple-v0'] }, 'key_invalid'],
    ['of a retired agent', { agent: { id: 'agent-code-reviewer-01', state: 'retired' } }, 'agent_suspended'],
  ] as const)('refuses a key that is %s', (_what, change, code) => {
    const { key, agentKey } = anAgent()
    expect(roundTrip({ keys: keySourceOf({ ...agentKey, ...change }), ttlSeconds: 60 }, key).verdict).toMatchObject({
      code,
    })
  })

  it('accepts a key that is meant for challenges', () => {
    const { key, agentKey } = anAgent()
    const keys = keySourceOf({ ...agentKey, schemes: ['challenge'] })
    expect(roundTrip({ keys, ttlSeconds: 60 }, key).verdict).toMatchObject({ purpose: PURPOSE })
  })

  it.each([
    ['nothing', undefined],
    ['a text', 'answer'],
    ['a further member', { agent_id: 'a', message: 'YTpi', signature: 'AAAA', admin: true }],
    ['a missing signature', { agent_id: 'a', message: 'YTpi' }],
    ['an agent id with a space', { agent_id: 'a b', message: 'YTpi', signature: 'AAAA' }],
    ['a message that is no base64', { agent_id: 'a', message: 'a:b', signature: 'AAAA' }],
    ['a message of two lines', { agent_id: 'a', message: Buffer.from('a:b\nc').toString('base64'), signature: 'AAAA' }],
    ['a huge message', { agent_id: 'a', message: 'A'.repeat(4096), signature: 'AAAA' }],
  ])('refuses %s', (_what, answer) => {
    const challenges = createMessageChallenges({ keys: keySourceOf(), ttlSeconds: 60 })
    expect(refusalOf(() => challenges.verify(answer, createTestEnvironment()))).toMatchObject({
      code: 'request_malformed',
    })
  })

  it.each([
    [{ ttlSeconds: 0 }, 'ERR_OPTION_INVALID'],
    [{ ttlSeconds: 1.5 }, 'ERR_OPTION_INVALID'],
    [{ maxPending: 0 }, 'ERR_OPTION_INVALID'],
    [{ secret: SECRET }, 'ERR_OPTION_MISSING'],
    [{ store: createRememberingStore(), secret: Buffer.alloc(16) }, 'ERR_OPTION_MISSING'],
    [{ store: createRememberingStore(), secret: SECRET, maxPending: 3 }, 'ERR_OPTION_INVALID'],
    [{ ttl: 60 }, 'ERR_OPTION_UNKNOWN'],
    [{ algorithms: [] }, 'ERR_OPTION_INVALID'],
  ])('refuses the options %#', (change, code) => {
    const options = { keys: keySourceOf(), ttlSeconds: 60, ...change } as MessageChallengesOptions
    expect(() => createMessageChallenges(options)).toThrow(expect.objectContaining({ code }))
  })
})

describe.each([
  ['in this process', {}],
  ['with a shared store', { secret: SECRET }],
])('an attacker of challenges kept %s', (_where, given) => {
  const options = (keys: MessageChallengesOptions['keys']): MessageChallengesOptions =>
    'secret' in given
      ? { keys, ttlSeconds: 60, store: createRememberingStore(), secret: SECRET }
      : { keys, ttlSeconds: 60 }

  it('cannot use an answer twice', () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const challenges = createMessageChallenges(options(keySourceOf(agentKey)))
    const answer = answerTo(challenges.issue({ purpose: PURPOSE }, environment).message, key)
    expect(challenges.verify(answer, environment)).toMatchObject({ purpose: PURPOSE })
    expect(refusalOf(() => challenges.verify(answer, environment))).toMatchObject({ code: 'replay_detected' })
  })

  it('cannot use the message of an answer that is still being judged', async () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const challenges = createMessageChallenges(options({ name: 'later', findKeys: async () => [agentKey] }))
    const answer = answerTo(challenges.issue({ purpose: PURPOSE }, environment).message, key)
    const verdicts = await Promise.allSettled([
      challenges.verify(answer, environment),
      challenges.verify(answer, environment),
    ])
    expect(verdicts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  it('cannot answer with a message of its own', () => {
    const { key, agentKey } = anAgent()
    const challenges = createMessageChallenges(options(keySourceOf(agentKey)))
    const answer = answerTo('approve-request:174325', key)
    expect(refusalOf(() => challenges.verify(answer, createTestEnvironment()))).toMatchObject({
      code: 'freshness_unproven',
    })
  })

  it('cannot answer too late', () => {
    const { key, agentKey } = anAgent()
    const clock = createFakeClock()
    const environment = createTestEnvironment({ clock })
    const challenges = createMessageChallenges(options(keySourceOf(agentKey)))
    const answer = answerTo(challenges.issue({ purpose: PURPOSE }, environment).message, key)
    clock.advance(60_001)
    expect(refusalOf(() => challenges.verify(answer, environment))).toMatchObject({ code: 'signature_expired' })
  })

  it('cannot answer what was handed out to somebody else', () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const challenges = createMessageChallenges(options(keySourceOf(agentKey)))
    const { message } = challenges.issue({ purpose: PURPOSE, agentId: 'agt_other' }, environment)
    const verdict = refusalOf(() => challenges.verify(answerTo(message, key), environment))
    expect(verdict).toMatchObject({ code: 'freshness_unproven' })
  })

  it('cannot change what the challenge is for', () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const challenges = createMessageChallenges(options(keySourceOf(agentKey)))
    const { message } = challenges.issue({ purpose: PURPOSE }, environment)
    const changed = message.replace(PURPOSE, 'delete-account')
    const verdict = refusalOf(() => challenges.verify(answerTo(changed, key, 'delete-account'), environment))
    expect(verdict).toMatchObject({ code: 'freshness_unproven' })
  })

  it('does not use up a challenge with a bad signature', () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const challenges = createMessageChallenges(options(keySourceOf(agentKey)))
    const { message } = challenges.issue({ purpose: PURPOSE, agentId: agentKey.agent.id }, environment)
    const forged = answerTo(message, generateKeyPairSync('ed25519').privateKey)
    expect(refusalOf(() => challenges.verify(forged, environment))).toMatchObject({ code: 'signature_invalid' })
    expect(challenges.verify(answerTo(message, key), environment)).toMatchObject({ message })
  })
})

describe('a sealed challenge', () => {
  it('cannot be spelt in a second way by the agent that may answer it', () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const store = createRememberingStore()
    const challenges = createMessageChallenges({ keys: keySourceOf(agentKey), ttlSeconds: 60, store, secret: SECRET })
    const { message } = challenges.issue({ purpose: PURPOSE }, environment)
    const verdicts = respellings(message).map((respelt) =>
      refusalOf(() => challenges.verify(answerTo(respelt, key), environment)),
    )
    expect(verdicts.length).toBeGreaterThan(0)
    expect(verdicts).toEqual(verdicts.map(() => expect.objectContaining({ code: 'freshness_unproven' })))
  })

  it('is worth nothing where another secret is used', () => {
    const { key, agentKey } = anAgent()
    const environment = createTestEnvironment()
    const shared = { keys: keySourceOf(agentKey), ttlSeconds: 60, store: createRememberingStore() }
    const { message } = createMessageChallenges({ ...shared, secret: SECRET }).issue({ purpose: PURPOSE }, environment)
    const other = createMessageChallenges({ ...shared, secret: Buffer.alloc(32, 8) })
    const verdict = refusalOf(() => other.verify(answerTo(message, key), environment))
    expect(verdict).toMatchObject({ code: 'freshness_unproven' })
  })
})

describe('answerMessageChallenge', () => {
  it.each([
    ['an RFC 9421 base', '"@method": DELETE\n"@signature-params": ("@method");created=1767225600'],
    ['an empty RFC 9421 base', '"@signature-params": ();created=1767225600'],
    ['a simple-v1 message', 'AGENT-AUTH-V1\nPOST\napi.example.com\n/\na\n1767225600\nn\n-\n-'],
    ['an action', 'AGENT-ACTION-V1\nrefund\nbilling'],
    ['a simple-v0 message', 'approve-request:1767225600'],
    ['the input of a JWS', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0'],
    ['another purpose', 'delete-account:174325'],
  ])('does not sign %s', (_what, message) => {
    const { key } = anAgent()
    expect(() => answerMessageChallenge({ agentId: 'a', key, message, purpose: PURPOSE })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })

  it('waits for a function that signs elsewhere', async () => {
    const { key } = anAgent()
    const given = { agentId: 'a', message: 'approve-request:174325', purpose: PURPOSE }
    const later = await answerMessageChallenge({ ...given, key: async (data) => sign(null, data, key) })
    expect(later).toEqual(answerMessageChallenge({ ...given, key }))
  })
})

function anAgent() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const agentKey: AgentKey = {
    ...importPublicKey(publicKey),
    agent: { id: 'agent-code-reviewer-01', state: 'active' },
    keyId: 'k1',
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
  return { key: privateKey, agentKey }
}

function answerTo(message: string, key: KeyObject, purpose: string = PURPOSE): unknown {
  return answerMessageChallenge({ agentId: 'agent-code-reviewer-01', key, message, purpose })
}

function roundTrip(options: MessageChallengesOptions, key: KeyObject) {
  const environment = createTestEnvironment()
  const challenges = createMessageChallenges(options)
  const { message } = challenges.issue({ purpose: PURPOSE }, environment)
  return { message, verdict: refusalOf(() => challenges.verify(answerTo(message, key), environment)) }
}

/** The same bytes under other last characters: base64url leaves unused bits there. */
function respellings(message: string): readonly string[] {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = message.length - 2
  return Array.from(alphabet, (character) => `${message.slice(0, last)}${character}z`).filter(
    (text) => text !== message,
  )
}

function refusalOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}
