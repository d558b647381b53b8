import { type AgentKey, type KeySource, Unavailable } from '@countermark/core'
import { createTestEnvironment } from '@countermark/testing'
import { firstOf, staticKeys } from '../src/index.ts'
import { createKeySet } from '../src/key-set.ts'
import { parseRegistryDocument } from '../src/registry/registry-document.ts'
import { createPublicKey } from './public-key.ts'

const environment = createTestEnvironment()
const QUERY = { agentId: 'agt_a', keyId: 'k' }

type Answer = ReturnType<KeySource['findKeys']>

function sourceOf(answer: () => Answer): KeySource & { asked: number; closed: boolean } {
  const source = {
    ...{ name: 'scripted', asked: 0, closed: false },
    findKeys: () => {
      source.asked++
      return answer()
    },
    close: () => {
      source.closed = true
    },
  }
  return source
}

function keyOf(owner: string): readonly AgentKey[] {
  const source = staticKeys([{ agentId: 'agt_a', keyId: 'k', key: createPublicKey().jwk, record: { owner } }])
  return source.findKeys(QUERY, environment) as readonly AgentKey[]
}

const [FIRST, SECOND] = [keyOf('first'), keyOf('second')]
const unavailable = (): Promise<never> => Promise.reject(new Unavailable('key_source_unavailable', 'keys', 'down'))

describe('firstOf', () => {
  it('lets the first source that knows the key decide, at once', () => {
    const [one, two] = [sourceOf(() => FIRST), sourceOf(() => SECOND)]
    expect(firstOf(one, two).findKeys(QUERY, environment)).toBe(FIRST)
    expect(two.asked).toBe(0)
  })

  it('goes on at once where the first source knows that it has none', () => {
    expect(
      firstOf(
        sourceOf(() => []),
        sourceOf(() => SECOND),
      ).findKeys(QUERY, environment),
    ).toBe(SECOND)
  })

  it('waits for the first source before it asks the second', async () => {
    const found = firstOf(
      sourceOf(async () => FIRST),
      sourceOf(() => SECOND),
    ).findKeys(QUERY, environment)
    expect(await found).toBe(FIRST)
  })

  it('finds nothing where nobody knows the key', async () => {
    expect(
      firstOf(
        sourceOf(() => []),
        sourceOf(() => []),
      ).findKeys(QUERY, environment),
    ).toEqual([])
    expect(
      await firstOf(
        sourceOf(async () => []),
        sourceOf(async () => []),
      ).findKeys(QUERY, environment),
    ).toEqual([])
  })

  it.each([
    ['rejects', unavailable],
    [
      'throws',
      () => {
        throw new Unavailable('key_source_unavailable', 'keys', 'down')
      },
    ],
  ])('asks no further when one %s: what it cannot tell may be a revocation', async (_name, answer) => {
    const second = sourceOf(() => SECOND)
    const found = firstOf(sourceOf(answer), second).findKeys(QUERY, environment)
    await expect(found).rejects.toMatchObject({ code: 'key_source_unavailable' })
    expect(second.asked).toBe(0)
    const skipping = firstOf(sourceOf(answer), second, { allowSkippingUnavailable: true })
    expect(await skipping.findKeys(QUERY, environment)).toBe(SECOND)
  })

  it('fails with whatever else a source throws, also where it may pass over one that cannot tell', async () => {
    const broken = sourceOf(() => Promise.reject(new TypeError('a bug')))
    const source = firstOf(
      broken,
      sourceOf(() => SECOND),
      { allowSkippingUnavailable: true },
    )
    await expect(source.findKeys(QUERY, environment)).rejects.toThrow('a bug')
  })

  it('waits for an earlier source each time that one must ask', async () => {
    let first: Answer = Promise.resolve([])
    const source = firstOf(
      sourceOf(() => first),
      sourceOf(() => SECOND),
    )
    expect(await source.findKeys(QUERY, environment)).toBe(SECOND)
    first = unavailable()
    await expect(source.findKeys(QUERY, environment)).rejects.toMatchObject({ code: 'key_source_unavailable' })
    first = Promise.resolve(FIRST)
    expect(await source.findKeys(QUERY, environment)).toBe(FIRST)
  })

  it('returns to the earlier source as soon as that one knows the key', async () => {
    let answer: Answer = Promise.resolve([])
    const source = firstOf(
      sourceOf(() => answer),
      sourceOf(() => SECOND),
    )
    await source.findKeys(QUERY, environment)
    answer = FIRST
    expect(source.findKeys(QUERY, environment)).toBe(FIRST)
  })

  it('waits again where the source that was known to answer no longer does', async () => {
    let second: Answer = SECOND
    const source = firstOf(
      sourceOf(async () => []),
      sourceOf(() => second),
    )
    await source.findKeys(QUERY, environment)
    second = Promise.resolve([])
    expect(await source.findKeys(QUERY, environment)).toEqual([])
    second = unavailable()
    await expect(source.findKeys(QUERY, environment)).rejects.toMatchObject({ code: 'key_source_unavailable' })
  })

  it('asks nobody what no key can match', () => {
    const source = sourceOf(() => FIRST)
    expect(firstOf(source).findKeys({ agentId: '', keyId: 'k' }, environment)).toEqual([])
    expect(source.asked).toBe(0)
  })

  it('closes all sources', async () => {
    const [one, two] = [sourceOf(() => []), sourceOf(() => [])]
    await firstOf(one, two, staticKeys([])).close?.()
    expect([one.closed, two.closed]).toEqual([true, true])
  })

  it('takes sources', () => {
    expect(() => firstOf()).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => firstOf({} as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it.each([
    ['options that it does not have', { skip: true }, 'ERR_OPTION_UNKNOWN'],
    ['a word for a switch', { allowSkippingUnavailable: 'no' }, 'ERR_OPTION_INVALID'],
  ])('does not take %s', (_name, options, code) => {
    expect(() => firstOf(staticKeys([]), options as never)).toThrow(expect.objectContaining({ code }))
  })
})

describe('what an earlier source says of an agent whose key a later one knows', () => {
  const { jwk, thumbprint } = createPublicKey()
  const LIMITS = { capabilities: ['orders:read'] }

  function later(record: object = {}): KeySource {
    return staticKeys([{ agentId: 'agt_a', keyId: 'later', key: jwk, record }])
  }

  function earlier(agent: object, keys: readonly object[] = []): KeySource {
    const rules = { allowTestKeys: false, agents: () => true, maxKeys: 1 }
    const set = createKeySet(parseRegistryDocument({ id: 'agt_a', keys, ...agent }, rules))
    return { name: 'scripted', findKeys: set.find, findAgent: ({ agentId }) => set.findAgent(agentId) }
  }

  it.each([
    ['suspended', { state: 'suspended' }, {}, { state: 'suspended' }],
    ['suspended by the later one', {}, { state: 'suspended' }, { state: 'suspended' }],
    ['limited', LIMITS, {}, { state: 'active', ...LIMITS }],
    ['limited by the later one', {}, LIMITS, { state: 'active', ...LIMITS }],
    ['limited by both', LIMITS, { capabilities: ['all'] }, { state: 'active', ...LIMITS }],
    ['malformed', { constraints: 'none' }, {}, { state: 'suspended' }],
  ])('counts: %s', (_name, first, second, expected) => {
    const source = firstOf(earlier(first), later(second))
    for (const query of [{ keyId: 'later' }, { agentId: 'agt_a' }, { keyId: thumbprint }]) {
      expect(source.findKeys(query, environment)).toMatchObject([{ keyId: 'later', agent: expected }])
    }
  })

  it('counts for the key, whatever each calls it', () => {
    const source = firstOf(earlier({}, [{ id: 'old', jwk, state: 'revoked' }]), later())
    expect(source.findKeys({ keyId: 'later' }, environment)).toMatchObject([{ keyId: 'later', state: 'revoked' }])
  })

  it('counts when it comes later, and ends the search when it cannot be told', async () => {
    const known = earlier({ state: 'suspended' })
    const slow: KeySource = { ...known, findAgent: async (...asked) => known.findAgent?.(...asked) }
    expect(await firstOf(slow, later()).findKeys({ keyId: 'later' }, environment)).toMatchObject([
      { agent: { state: 'suspended' } },
    ])
    const failing: KeySource = { ...known, findAgent: async () => unavailable() as never }
    const found = firstOf(failing, later()).findKeys({ keyId: 'later' }, environment)
    await expect(found).rejects.toMatchObject({ code: 'key_source_unavailable' })
  })

  it('is what is known of the agent', async () => {
    const source = firstOf(staticKeys([]), earlier({ state: 'suspended' }), later())
    expect(source.findAgent?.({ agentId: 'agt_a' }, environment)).toMatchObject({ state: 'suspended' })
    expect(source.findAgent?.({ agentId: 'agt_b' }, environment)).toBeUndefined()
  })

  it('is forgotten by all sources', () => {
    const forgotten: unknown[] = []
    const source: KeySource = { ...sourceOf(() => []), forget: (revoked) => forgotten.push(revoked) }
    firstOf(source, staticKeys([]), source).forget?.({ agentId: 'agt_a' })
    expect(forgotten).toEqual([{ agentId: 'agt_a' }, { agentId: 'agt_a' }])
  })
})
