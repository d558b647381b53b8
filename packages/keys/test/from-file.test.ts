import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentKey, KeySource } from '@countermark/core'
import { createTempFolder, createTestEnvironment, type TempFolder } from '@countermark/testing'
import { fromFile } from '../src/index.ts'
import { until } from './key-server.ts'
import { createPublicKey, SMALL_ORDER_JWK } from './public-key.ts'

let folder: TempFolder
const open: KeySource[] = []
const environment = createTestEnvironment()

beforeEach(async () => {
  folder = await createTempFolder()
  environment.observer.clear()
})

afterEach(async () => {
  for (const source of open.splice(0)) await source.close?.()
  await folder.remove()
})

function documentOf(...keyIds: readonly string[]): string {
  return JSON.stringify({ agents: [{ id: 'agt_a', keys: keyIds.map((id) => ({ id, jwk: createPublicKey().jwk })) }] })
}

async function openFile(text: string): Promise<{ readonly path: string; readonly keyIds: () => readonly string[] }> {
  const path = join(folder.path, 'keys.json')
  await writeFile(path, text)
  const source = fromFile(path, { pollMs: 10 })
  open.push(source)
  const keyIds = (): readonly string[] => {
    const keys = source.findKeys({ agentId: 'agt_a' }, environment)
    return Array.isArray(keys) ? keys.map(({ keyId }) => keyId) : ['a promise']
  }
  return { path, keyIds }
}

function fetches(result: string): number {
  return environment.observer.total('key_fetches_total', { source: 'file', result })
}

describe('fromFile', () => {
  it('takes over what is written into the file', async () => {
    const { path, keyIds } = await openFile(documentOf('k1'))
    await writeFile(path, documentOf('k1', 'k2'))
    await until(() => keyIds().length === 2)
    expect(fetches('ok')).toBeGreaterThanOrEqual(1)
  })

  it('takes over a file that is renamed into its place', async () => {
    const { path, keyIds } = await openFile(documentOf('k1'))
    await writeFile(`${path}.new`, documentOf('k2'))
    await rename(`${path}.new`, path)
    await until(() => keyIds()[0] === 'k2')
  })

  it('follows a link that is set anew, as a mounted secret is', async () => {
    for (const keyId of ['k1', 'k2']) await writeFile(join(folder.path, keyId), documentOf(keyId))
    const path = join(folder.path, 'link')
    await symlink('k1', path)
    const source = fromFile(path, { pollMs: 10 })
    open.push(source)
    await symlink('k2', `${path}.new`)
    await rename(`${path}.new`, path)
    await until(() => (source.findKeys({ keyId: 'k2' }, environment) as readonly unknown[]).length === 1)
  })

  it.each(['', '{"agents":[', '[]', 'null', '\u0000\u0001'])(
    'keeps what it knows when the file becomes %j',
    async (text) => {
      const { path, keyIds } = await openFile(documentOf('k1'))
      await writeFile(path, text)
      await until(() => keyIds().length === 1 && fetches('malformed') > 0)
      expect(keyIds()).toEqual(['k1'])
      await writeFile(path, documentOf('k2'))
      await until(() => keyIds()[0] === 'k2')
    },
  )

  it('keeps what it knows when the file is gone, and takes it up again', async () => {
    const { path, keyIds } = await openFile(documentOf('k1'))
    await rm(path)
    await until(() => keyIds().length === 1 && fetches('not_found') > 0)
    expect(keyIds()).toEqual(['k1'])
    await writeFile(path, documentOf('k2'))
    await until(() => keyIds()[0] === 'k2')
  })

  it('drops all keys when the list becomes empty', async () => {
    const { path, keyIds } = await openFile(documentOf('k1'))
    await writeFile(path, '{"agents":[]}')
    await until(() => keyIds().length === 0)
  })

  it('holds thousands of agents', async () => {
    const { jwk } = createPublicKey()
    const agents = Array.from({ length: 2_000 }, (_, index) => ({
      id: `agt_${index}`,
      keys: index === 0 ? [{ jwk }] : [],
    }))
    const { path } = await openFile(JSON.stringify({ agents }))
    expect(fromFileOnce(path).findKeys({ agentId: 'agt_0' }, environment)).toHaveLength(1)
  })

  it('looks no more once it is closed', async () => {
    const { path, keyIds } = await openFile(documentOf('k1'))
    const watching = fromFileOnce(path)
    await open[0]?.close?.()
    await writeFile(path, documentOf('k2'))
    await until(() => (watching.findKeys({ keyId: 'k2' }, environment) as readonly unknown[]).length === 1)
    expect(keyIds()).toEqual(['k1'])
  })

  it.each([
    ['is not there', undefined],
    ['is no JSON', '{'],
    ['is no registry document', '{"keys":[]}'],
  ])('does not start with a file that %s', async (_name, text) => {
    const path = join(folder.path, 'bad.json')
    if (text !== undefined) await writeFile(path, text)
    expect(() => fromFile(path)).toThrow(expect.objectContaining({ code: 'ERR_KEY_MATERIAL' }))
  })

  const { jwk } = createPublicKey()
  const good = { id: 'good', jwk }

  it.each([
    ['a bare JWK', [good, jwk], 'keys[1] of agt_a is a bare JWK; write { "id": "…", "jwk": { "kty": … } }'],
    ['no material', [{ id: 'k1' }], 'keys[0] of agt_a needs exactly one of jwk, pem and raw'],
    ['two materials', [{ jwk, raw: 'AAAA' }], 'keys[0] of agt_a needs exactly one of jwk, pem and raw'],
    ['no object', ['k1'], 'keys[0] of agt_a needs exactly one of jwk, pem and raw'],
    ['an id of many characters', [{ id: 'k'.repeat(257), jwk }], 'keys[0] of agt_a needs an id'],
    ['a key of small order', [good, { jwk: SMALL_ORDER_JWK }], 'keys[1] of agt_a cannot be used: '],
    ['a symmetric key', [{ jwk: { kty: 'oct', k: 'AAAA' } }], 'keys[0] of agt_a cannot be used: '],
    ['a private key', [{ jwk: { ...jwk, d: jwk['x'] } }], 'keys[0] of agt_a cannot be used: '],
    ['a key for encryption', [{ jwk: { ...jwk, use: 'enc' } }], 'keys[0] of agt_a cannot be used: '],
    ['milliseconds beyond any date', [{ jwk, notAfter: 1e15 }], 'keys[0] of agt_a needs exactly one of'],
  ])('does not start with a file that lists %s, and names it', async (_name, keys, message) => {
    const path = join(folder.path, 'bad.json')
    await writeFile(path, JSON.stringify({ agents: [{ id: 'agt_a', keys }] }))
    expect(() => fromFile(path)).toThrow(
      expect.objectContaining({ code: 'ERR_KEY_MATERIAL', message: expect.stringContaining(message) }),
    )
  })

  it.each([
    ['no id', { keys: [] }],
    ['limits that cannot be read', { id: 'agt_b', constraints: 'none' }],
  ])('does not start with an agent that has %s', async (_name, agent) => {
    const path = join(folder.path, 'bad.json')
    await writeFile(path, JSON.stringify({ agents: [{ id: 'agt_a', keys: [good] }, agent] }))
    expect(() => fromFile(path)).toThrow(expect.objectContaining({ message: expect.stringContaining('agents[1]') }))
  })

  it('starts with entries of agents that it may not speak for, whatever they say', async () => {
    const path = join(folder.path, 'keys.json')
    const agents = [
      { id: 'agt_a', keys: [good] },
      { id: 'other', keys: [jwk] },
    ]
    await writeFile(path, JSON.stringify({ agents }))
    const source = fromFile(path, { pollMs: 10, agents: (id) => id.startsWith('agt_') })
    open.push(source)
    expect(source.findKeys({ agentId: 'agt_a' }, environment)).toMatchObject([{ keyId: 'good' }])
    expect(environment.observer.total('key_entries_refused_total', { reason: 'agent_foreign' })).toBe(1)
  })

  it('keeps what it knows while an entry of the file cannot be used, and says so', async () => {
    const path = join(folder.path, 'keys.json')
    await writeFile(path, documentOf('k1'))
    const source = fromFileOnce(path)
    const degraded = (): number | undefined => source.metrics?.find(({ name }) => name === 'degraded')?.read?.()
    const ids = (): readonly string[] => (source.findKeys({ agentId: 'agt_a' }, environment) as AgentKey[]).map(idOf)
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue()
    expect(degraded()).toBe(0)
    await writeFile(path, JSON.stringify({ agents: [{ id: 'agt_a', keys: [{ ...good, id: 'k2' }, jwk] }] }))
    await until(() => warn.mock.calls.length === 1)
    expect(warn.mock.calls[0]).toEqual([
      expect.stringContaining('keys[1] of agt_a is a bare JWK'),
      { type: 'CountermarkWarning', code: 'key_file_unusable' },
    ])
    warn.mockRestore()
    expect([ids(), degraded(), fetches('malformed')]).toEqual([['k1'], 1, 1])
    expect(environment.observer.total('key_entries_refused_total', { reason: 'malformed' })).toBe(1)
    await writeFile(path, documentOf('k2'))
    await until(() => ids()[0] === 'k2')
    expect(degraded()).toBe(0)
  })

  it('refuses options that cannot be meant', () => {
    expect(() => fromFile('x', { pollMs: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => fromFile('x', { name: 'A b' })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => fromFile('x', { poll: 1 } as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }))
  })
})

function idOf({ keyId }: AgentKey): string {
  return keyId
}

function fromFileOnce(path: string): KeySource {
  const source = fromFile(path, { pollMs: 10 })
  open.push(source)
  return source
}
