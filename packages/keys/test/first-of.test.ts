import type { AgentKey, KeySource } from '@countermark/core'
import { Unavailable } from '@countermark/core'
import { createTestEnvironment } from '@countermark/testing'
import { firstOf, staticKeys } from '../src/index.ts'
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
  ])('goes on to the next source when one %s, and fails only when no other knows the key', async (_name, answer) => {
    expect(
      await firstOf(
        sourceOf(answer),
        sourceOf(() => SECOND),
      ).findKeys(QUERY, environment),
    ).toBe(SECOND)
    const alone = firstOf(
      sourceOf(answer),
      sourceOf(() => []),
    ).findKeys(QUERY, environment)
    await expect(alone).rejects.toMatchObject({ code: 'key_source_unavailable' })
  })

  it('lets a key that is known further down wait for an earlier source once, not for ever', async () => {
    let slow: Promise<readonly AgentKey[]> = Promise.resolve([])
    const source = firstOf(
      sourceOf(() => slow),
      sourceOf(() => SECOND),
    )
    expect(await source.findKeys(QUERY, environment)).toBe(SECOND)
    slow = new Promise(() => {})
    expect(source.findKeys(QUERY, environment)).toBe(SECOND)
    slow = unavailable()
    expect(source.findKeys(QUERY, environment)).toBe(SECOND)
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

  it('does not remember an answer that came while an earlier source could not tell', async () => {
    let answer: Answer = unavailable()
    const source = firstOf(
      sourceOf(() => answer),
      sourceOf(() => SECOND),
    )
    await source.findKeys(QUERY, environment)
    answer = Promise.resolve(FIRST)
    expect(await source.findKeys(QUERY, environment)).toBe(FIRST)
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
})
