import type { AgentKey, KeyQuery, KeySource } from '@countermark/core'
import { createTestEnvironment, type TestEnvironment } from '@countermark/testing'
import { createPublicKey, SMALL_ORDER_JWK } from './public-key.ts'

/** A key as it is published, whatever the form of the document. */
export interface PublishedKey {
  readonly keyId?: string
  readonly jwk: Readonly<Record<string, unknown>>
  readonly notBefore?: number
  readonly notAfter?: number
}

/** A source that holds the given keys of one agent. */
export type CreateSource = (agentId: string, keys: readonly PublishedKey[]) => Promise<KeySource>

/** Ids that must be nothing but ids. */
const HOSTILE = [
  ...['__proto__', 'constructor', 'toString', '../../../etc/passwd', 'http://169.254.169.254/', "' OR 1=1--"],
  ...['', ' ', '\u0000', 'ключ', '%2e%2e%2f', '?keyid=k1', 'k1 ', 'K1', 'a'.repeat(257), 'a'.repeat(100_000)],
]

/** What every source of keys promises. `create` may be asked for several sources. */
export function describeKeySource(name: string, create: CreateSource): void {
  describe(`the keys of ${name}`, () => {
    const open: KeySource[] = []

    afterEach(async () => {
      await Promise.all(open.splice(0).map(async (source) => source.close?.()))
    })

    async function openSource(...keys: readonly PublishedKey[]): Promise<Asked> {
      const source = await create('agt_a', keys)
      open.push(source)
      const environment = createTestEnvironment()
      await source.findKeys({ agentId: 'agt_a' }, environment)
      return {
        source,
        environment,
        ask: async (query) => (await source.findKeys(query, environment)).map(({ keyId }) => keyId),
      }
    }

    it('are found by agent, by key id, and by both', async () => {
      const { ask } = await openSource({ keyId: 'k1', jwk: createPublicKey().jwk })
      expect(await ask({ agentId: 'agt_a' })).toEqual(['k1'])
      expect(await ask({ keyId: 'k1' })).toEqual(['k1'])
      expect(await ask({ agentId: 'agt_a', keyId: 'k1' })).toEqual(['k1'])
    })

    it('must match both where both are given', async () => {
      const { ask } = await openSource({ keyId: 'k1', jwk: createPublicKey().jwk })
      expect(await ask({ agentId: 'agt_b', keyId: 'k1' })).toEqual([])
      expect(await ask({ agentId: 'agt_a', keyId: 'k2' })).toEqual([])
      expect(await ask({})).toEqual([])
    })

    it('answer to their thumbprint, which is their id when they have no other', async () => {
      const [named, unnamed] = [createPublicKey(), createPublicKey()]
      const { ask } = await openSource({ keyId: 'k1', jwk: named.jwk }, { jwk: unnamed.jwk })
      expect(await ask({ agentId: 'agt_a', keyId: named.thumbprint })).toEqual(['k1'])
      expect(await ask({ agentId: 'agt_a', keyId: unnamed.thumbprint })).toEqual([unnamed.thumbprint])
    })

    it('come at once when they are known, and always as the same objects', async () => {
      const { source, environment } = await openSource({ keyId: 'k1', jwk: createPublicKey().jwk })
      const query = { agentId: 'agt_a', keyId: 'k1' }
      const first = source.findKeys(query, environment)
      expect(Array.isArray(first)).toBe(true)
      expect(source.findKeys(query, environment)).toBe(first)
      expect(Object.isFrozen(first)).toBe(true)
    })

    it('carry what a verifier needs', async () => {
      const { jwk, thumbprint } = createPublicKey()
      const { source, environment } = await openSource({ keyId: 'k1', jwk, notBefore: 10, notAfter: 20 })
      const [key] = (await source.findKeys({ agentId: 'agt_a' }, environment)) as readonly AgentKey[]
      expect(key).toMatchObject({ keyId: 'k1', thumbprint, algorithm: 'ed25519', state: 'active' })
      expect(key).toMatchObject({ notBefore: 10, notAfter: 20, agent: { id: 'agt_a', state: 'active' } })
      expect(key?.rawPublicKey).toHaveLength(32)
      expect(Object.isFrozen(key) && Object.isFrozen(key?.agent)).toBe(true)
    })

    it('overlap: the newest is tried first, ended ones stay to be refused by name', async () => {
      const { ask } = await openSource(
        { keyId: 'old', jwk: createPublicKey().jwk, notBefore: 10, notAfter: 20 },
        { keyId: 'new', jwk: createPublicKey().jwk, notBefore: 15 },
      )
      expect(await ask({ agentId: 'agt_a' })).toEqual(['new', 'old'])
      expect(await ask({ agentId: 'agt_a', keyId: 'old' })).toEqual(['old'])
    })

    it('are all tried when several share an id, four at most', async () => {
      const keys = Array.from({ length: 6 }, () => ({ keyId: 'same', jwk: createPublicKey().jwk }))
      const { ask } = await openSource(...keys)
      expect(await ask({ agentId: 'agt_a', keyId: 'same' })).toHaveLength(4)
    })

    it.each(HOSTILE)('do not include one called %j', async (id) => {
      const { ask } = await openSource({ keyId: 'k1', jwk: createPublicKey().jwk })
      expect(await ask({ agentId: 'agt_a', keyId: id })).toEqual([])
      expect(await ask({ agentId: id })).toEqual([])
      expect(await ask({ agentId: id, keyId: 'k1' })).toEqual([])
    })

    it.each(['__proto__', 'constructor', 'did:example:1#key-1', 'https://a.example/k?x=1#2', ' ', '~'.repeat(256)])(
      'may be called %j',
      async (keyId) => {
        const { ask } = await openSource({ keyId, jwk: createPublicKey().jwk })
        expect(await ask({ agentId: 'agt_a', keyId })).toEqual([keyId])
      },
    )
  })
}

/** A further suite for sources that read what others wrote: there a bad entry does not stop the application. */
export function describeForeignKeys(name: string, create: CreateSource): void {
  it(`${name} skips nine bad keys and keeps the good one, counting`, async () => {
    const { jwk } = createPublicKey()
    const bad = [
      ...[SMALL_ORDER_JWK, {}, { kty: 'oct', k: 'AAAA' }, { ...jwk, crv: 'X25519' }, { ...jwk, d: jwk['x'] }],
      ...[
        { ...jwk, x: 'AAAA' },
        { ...jwk, alg: 'HS256' },
        { ...jwk, use: 'enc' },
        { ...jwk, key_ops: ['sign'] },
      ],
    ]
    const source = await create('agt_a', [
      ...bad.map((jwk, index) => ({ keyId: `bad-${index}`, jwk })),
      { keyId: 'good', jwk: createPublicKey().jwk },
    ])
    const environment = createTestEnvironment()
    const keys = await source.findKeys({ agentId: 'agt_a' }, environment)
    expect(keys.map(({ keyId }) => keyId)).toEqual(['good'])
    expect(environment.observer.total('key_entries_refused_total', { reason: 'key_invalid' })).toBe(9)
    await source.close?.()
  })
}

interface Asked {
  readonly source: KeySource
  readonly environment: TestEnvironment
  readonly ask: (query: KeyQuery) => Promise<readonly string[]>
}
