import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeySource } from '@countermark/core'
import { createTempFolder, createTestEnvironment, type TempFolder } from '@countermark/testing'
import { fromFile } from '../src/index.ts'
import { until } from './key-server.ts'
import { createPublicKey } from './public-key.ts'

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

  it('drops all keys when somebody writes an empty list', async () => {
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

  it('refuses options that cannot be meant', () => {
    expect(() => fromFile('x', { pollMs: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => fromFile('x', { name: 'A b' })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => fromFile('x', { poll: 1 } as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }))
  })
})

function fromFileOnce(path: string): KeySource {
  const source = fromFile(path, { pollMs: 10 })
  open.push(source)
  return source
}
