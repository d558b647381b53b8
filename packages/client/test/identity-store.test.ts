import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTempFolder, type TempFolder } from '@countermark/testing'
import { type AgentIdentity, fileIdentityStore, generateAgentKey, memoryIdentityStore } from '../src/index.ts'

const { privateKey, thumbprint: keyId } = generateAgentKey()
const IDENTITY: AgentIdentity = { agentId: 'agt_1', key: { keyId, privateKey, createdAt: 1 } }

let folder: TempFolder
let count = 0

beforeAll(async () => {
  folder = await createTempFolder()
})
afterAll(() => folder.remove())

/** A place that is not there yet. */
function newPlace(): string {
  count += 1
  return join(folder.path, 'agents', String(count))
}

describe.each([
  ['in memory', () => memoryIdentityStore()],
  ['in files', () => fileIdentityStore(newPlace())],
])('an identity %s', (_name, createStore) => {
  it('is there as it was kept, with its version', async () => {
    const store = createStore()
    expect(await store.read()).toBeUndefined()
    expect(await store.replace(IDENTITY, 0)).toBe(true)
    expect(await store.read()).toEqual({ identity: IDENTITY, version: 1 })
  })

  it('is replaced by one of a hundred that know the same version', async () => {
    const store = createStore()
    await store.replace(IDENTITY, 0)
    const tries = Array.from({ length: 100 }, (_, index) => store.replace({ agentId: `agt_${index}` }, 1))
    const results = await Promise.all(tries)
    expect(results.filter((isReplaced) => isReplaced)).toHaveLength(1)
    const winner = { agentId: `agt_${results.indexOf(true)}` }
    expect(await store.read()).toEqual({ identity: winner, version: 2 })
  })

  it('is not replaced by one that knows an old version', async () => {
    const store = createStore()
    for (const version of [0, 1, 2, 3, 4]) await store.replace({ agentId: `agt_${version}` }, version)
    expect([await store.replace(IDENTITY, 0), await store.replace(IDENTITY, 2)]).toEqual([false, false])
    expect(await store.read()).toEqual({ identity: { agentId: 'agt_4' }, version: 5 })
  })
})

describe('an identity in files', () => {
  it('is readable by its owner only, and leaves nothing but the version before', async () => {
    const path = newPlace()
    const store = fileIdentityStore(path)
    for (const version of [0, 1, 2, 3]) await store.replace(IDENTITY, version)
    const names = await readdir(path)
    expect(names.sort()).toEqual(['identity-3.json', 'identity-4.json'])
    const modes = await Promise.all(
      [path, join(path, 'identity-4.json')].map(async (each) => (await stat(each)).mode & 0o777),
    )
    expect(modes).toEqual([0o700, 0o600])
  })

  it('is read while others replace it', async () => {
    const path = newPlace()
    const [writer, reader] = [fileIdentityStore(path), fileIdentityStore(path)]
    await writer.replace(IDENTITY, 0)
    const write = async (): Promise<void> => {
      for (let version = 1; version < 100; version++) await writer.replace(IDENTITY, version)
    }
    const read = async (): Promise<readonly unknown[]> => {
      const seen: unknown[] = []
      for (let times = 0; times < 100; times++) seen.push((await reader.read())?.identity)
      return seen
    }
    const [, seen] = await Promise.all([write(), read()])
    expect(seen).toEqual(Array(100).fill(IDENTITY))
  })

  it('does not mind what a process left that died while it wrote', async () => {
    const path = newPlace()
    const store = fileIdentityStore(path)
    await store.replace(IDENTITY, 0)
    await writeFile(join(path, '.0123456789abcdef01.tmp'), '{"agentId":"ag', { mode: 0o600 })
    expect(await store.read()).toEqual({ identity: IDENTITY, version: 1 })
    expect(await store.replace(IDENTITY, 1)).toBe(true)
  })

  it.each([
    ['no JSON', '{"agentId":'],
    ['no object', '[]'],
    ['no agent', '{}'],
    ['a key that is none', '{"agentId":"a","key":{"keyId":"k"}}'],
  ])('is not used when it is %s, and nothing of it is told', async (_what, text) => {
    const path = newPlace()
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'identity-1.json'), text, { mode: 0o600 })
    await expect(fileIdentityStore(path).read()).rejects.toMatchObject({ code: 'identity_unusable' })
  })

  it('is not used when others may read it', async () => {
    const path = newPlace()
    const store = fileIdentityStore(path)
    await store.replace(IDENTITY, 0)
    await chmod(join(path, 'identity-1.json'), 0o640)
    await expect(store.read()).rejects.toMatchObject({ code: 'identity_unusable' })
  })

  it('needs a folder', () => {
    expect(() => fileIdentityStore('')).toThrow(expect.objectContaining({ code: 'ERR_OPTION_MISSING' }))
  })
})
