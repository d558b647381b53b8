import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentKey, KeySource } from '@countermark/core'
import { createTempFolder, createTestEnvironment } from '@countermark/testing'
import { fromFile } from '../src/index.ts'
import { until } from './key-server.ts'
import { createPublicKey } from './public-key.ts'
import { closeRemotes, HOUR, KINDS, KNOWN, openRemote, servedKey } from './remote-under-test.ts'

afterEach(closeRemotes)

/** Importing makes a new object each time: the same one shows that nothing was imported. */
async function nodeKeyOf(keys: ReturnType<KeySource['findKeys']>): Promise<AgentKey['publicKey'] | undefined> {
  return (await keys)[0]?.publicKey
}

describe.each(Object.entries(KINDS))('a document of keys from %s', (_name, kind) => {
  it('is fetched again without importing the keys that it had before', async () => {
    const key = servedKey('k1')
    const { server, find, clock, fetches } = await openRemote(kind, [key])
    const before = await nodeKeyOf(find(KNOWN))
    clock.advance(2 * HOUR)
    server.answer = kind.publish(servedKey('k0'), key)
    expect(await nodeKeyOf(find(KNOWN))).toBe(before)
    expect([before === undefined, fetches()]).toEqual([false, 2])
  })

  it('is read anew in everything but the key: a key that is now private, or for another use, is refused', async () => {
    const key = servedKey('k1')
    const { server, idsOf, clock } = await openRemote(kind, [key])
    expect(await idsOf(KNOWN)).toEqual(['k1'])
    clock.advance(2 * HOUR)
    server.answer = kind.publish({ ...key, jwk: { ...key.jwk, use: 'enc' } }, servedKey('k2'))
    expect(await idsOf(KNOWN)).toEqual([])
  })
})

describe('a file of keys', () => {
  it('is read again without importing the keys that it had before', async () => {
    const folder = await createTempFolder()
    const path = join(folder.path, 'keys.json')
    const { jwk } = createPublicKey()
    const write = (...more: readonly object[]): Promise<void> =>
      writeFile(path, JSON.stringify({ agents: [{ id: 'agt_a', keys: [{ id: 'k1', jwk }, ...more] }] }))
    await write()
    const source = fromFile(path, { pollMs: 10 })
    const find = (keyId: string): ReturnType<KeySource['findKeys']> =>
      source.findKeys({ agentId: 'agt_a', keyId }, createTestEnvironment())
    const before = await nodeKeyOf(find('k1'))
    await write({ id: 'k2', jwk: createPublicKey().jwk })
    await until(() => (find('k2') as readonly AgentKey[]).length === 1)
    expect(await nodeKeyOf(find('k1'))).toBe(before)
    await source.close?.()
    await folder.remove()
  })
})
