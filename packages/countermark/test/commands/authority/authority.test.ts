import { statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openStore } from '@countermark/authority'
import { findFreePort, requireProgram, startRedis } from '@countermark/testing'
import { type Running, useCommandFolder, type Variables } from '../run-in-folder.ts'

let running: Running | undefined
// Before the folder goes.
afterEach(() => running?.end())
const folder = useCommandFolder()
const KEY = `v1:${Buffer.alloc(32, 7).toString('base64')}`
let place: string
let given: Variables

beforeEach(async () => {
  const port = await findFreePort()
  place = `http://127.0.0.1:${port}`
  given = {
    ...{ COUNTERMARK_LISTEN: `127.0.0.1:${port}`, COUNTERMARK_ORIGINS: place, COUNTERMARK_SEALING_KEYS: KEY },
    ...{ COUNTERMARK_ADMINISTRATORS: 'agent:agt_ops', COUNTERMARK_ADMINISTRATOR_KEYS: 'administrators.json' },
  }
  await folder.run(['keygen', 'agt_ops', '--agents', 'administrators.json'])
})

const start = (args: readonly string[] = [], variables: Variables = {}): Running => {
  running = folder.start(['authority', ...args], { ...given, ...variables })
  return running
}
const started = async (args?: readonly string[], variables?: Variables): Promise<string> =>
  start(args, variables).says(/^metrics .*$/m)
const refusedStart = (args: readonly string[], variables: Variables) =>
  folder.run(['authority', ...args], '', variables)
const asOps = (...args: readonly string[]) => folder.run([...args, '--authority', place, '--agent', 'agt_ops'])

describe('countermark authority', () => {
  it('runs on SQLite from the environment alone, answers its administrator, and ends when it is told to', async () => {
    expect(await started()).toContain(`authority      ${place}`)
    expect(await asOps('agent', 'show', 'agt_unknown')).toMatchObject({
      code: 1,
      out: expect.stringContaining('404 not_found'),
    })
    expect(await (running as Running).end()).toMatchObject({ code: 0, err: '' })
    await expect(fetch(place)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })

  it('says that it lives and that it is ready, and nothing more', async () => {
    await started()
    const answers = await Promise.all(['/healthz', '/readyz'].map((path) => fetch(place + path)))
    expect(await Promise.all(answers.map(async (answer) => [answer.status, await answer.text()]))).toEqual([
      [200, 'ok\n'],
      [200, 'ok\n'],
    ])
  })

  it('publishes metrics at an address of their own', async () => {
    const port = await findFreePort()
    await started(['--metrics-listen', `127.0.0.1:${port}`])
    const scraped = await fetch(`http://127.0.0.1:${port}/metrics`)
    expect(await scraped.text()).toContain('countermark_build_info')
    expect((await fetch(`${place}/metrics`)).status).toBe(404)
  })

  it('reads a file of options, with variables of the environment filled in', async () => {
    const options = {
      ...{ storage: `file:./${'$'}{NAME}.db`, callsPerSecond: 100, services: ['https://api.example.com'] },
      tokens: { lifetimeSeconds: 60 },
    }
    folder.write('authority.json', JSON.stringify(options))
    const said = await started(['--config', 'authority.json', '--json'].slice(0, 2), { NAME: 'acme' })
    expect(said).toContain('database       file:./acme.db')
    const metadata = await fetch(`${place}/.well-known/oauth-authorization-server`)
    expect(await metadata.json()).toMatchObject({ issuer: place })
  })

  it('opens its database again with the key that sealed it, and with a new one before it', async () => {
    await started([], { COUNTERMARK_SERVICES: 'https://api.example.com' })
    await (running as Running).end()
    const second = `v2:${Buffer.alloc(32, 8).toString('base64')},${KEY}`
    await started([], { COUNTERMARK_SEALING_KEYS: second })
    await (running as Running).end()
    const lost = { COUNTERMARK_SEALING_KEYS: `v2:${Buffer.alloc(32, 8).toString('base64')}` }
    const { code, err } = await refusedStart([], { ...given, ...lost })
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('encryptionKeys lacks version v1') })
  })

  it('seals its keys again, so that the old sealing key can go, and publishes the next signing key', async () => {
    await started([], { COUNTERMARK_SERVICES: 'https://api.example.com' })
    await (running as Running).end()
    const second = `v2:${Buffer.alloc(32, 8).toString('base64')}`
    const both = { ...given, COUNTERMARK_SEALING_KEYS: `${second},${KEY}` }
    expect(await folder.run(['authority', 'reseal'], '', both)).toMatchObject({ code: 0 })
    const rotated = await folder.run(['authority', 'rotate-signing-key'], '', both)
    expect(rotated).toMatchObject({ code: 0, out: expect.stringContaining('is published') })
    await started([], { COUNTERMARK_SERVICES: 'https://api.example.com', COUNTERMARK_SEALING_KEYS: second })
    const { keys } = (await (await fetch(`${place}/jwks.json`)).json()) as { readonly keys: readonly object[] }
    expect(keys).toHaveLength(2)
  })

  it('goes on with new keys where the sealing key was lost, as the page for operators says', async () => {
    const services = { COUNTERMARK_SERVICES: 'https://api.example.com' }
    await started([], services)
    await (running as Running).end()
    const store = openStore(`file:${folder.path}/authority.db`)
    await store
      .tables<{ readonly signing_keys: object }>()
      .transaction('test', (tables) => tables.deleteFrom('signing_keys').execute())
    await store.close()
    await started([], { ...services, COUNTERMARK_SEALING_KEYS: `v2:${Buffer.alloc(32, 8).toString('base64')}` })
    expect((await fetch(`${place}/readyz`)).status).toBe(200)
    expect(
      ((await (await fetch(`${place}/jwks.json`)).json()) as { readonly keys: readonly object[] }).keys,
    ).toHaveLength(1)
  })

  it('keeps what it writes from other users of the machine', async () => {
    await started()
    const modes = ['authority.db', 'authority-audit.ndjson'].map(
      (file) => statSync(`${folder.path}/${file}`).mode & 0o777,
    )
    expect(modes).toEqual([0o600, 0o600])
  })

  it('ends the streams of doors with itself, so that they look for another process', async () => {
    await started([], { COUNTERMARK_DOOR_TOKENS: 'a-token-of-doors' })
    const headers = { authorization: 'Bearer a-token-of-doors' }
    const stream = await fetch(`${place}/doors/shop/events`, { headers })
    const ended = (running as Running).end()
    await stream.text()
    expect(await ended).toMatchObject({ code: 0 })
  })
})

describe('a start that is refused', () => {
  it.each([
    ['without origins', { COUNTERMARK_ORIGINS: '' }, 'needs origins'],
    ['without administrators', { COUNTERMARK_ADMINISTRATORS: '' }, 'needs administrators'],
    ['without a sealing key', { COUNTERMARK_SEALING_KEYS: '' }, 'openssl rand -base64 32'],
    ['with a sealing key that is none', { COUNTERMARK_SEALING_KEYS: 'short' }, 'must be 32 bytes in base64'],
    ['with two keys of one version', { COUNTERMARK_SEALING_KEYS: `${KEY},${KEY}` }, 'names a version twice'],
    ['with a storage that is none', { COUNTERMARK_STORAGE: 'mysql://db' }, 'postgres://'],
    ['with an address that is none', { COUNTERMARK_LISTEN: 'here' }, 'must be an address'],
    ['with PostgreSQL and no Redis', { COUNTERMARK_STORAGE: 'postgres://a@127.0.0.1:9/x' }, 'COUNTERMARK_REDIS'],
    ['with a file of a secret that is not there', { COUNTERMARK_DOOR_TOKENS_FILE: 'none' }, 'cannot be read'],
    ['with an unreachable Redis', { COUNTERMARK_REDIS: 'redis://127.0.0.1:9' }, 'Redis gave no answer'],
  ])('%s', async (_name, variables, said) => {
    const { code, err } = await refusedStart([], { ...given, ...variables })
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(said) })
  })

  it.each([
    ['a misspelt option', '{"orgins":[]}', 'did you mean origins'],
    ['a member twice', '{"listen":"1","listen":"2"}', 'cannot be read as JSON'],
    ['a secret', '{"doorTokens":["x"]}', 'COUNTERMARK_DOOR_TOKENS'],
    ['a variable that is not there', `{"storage":"${'$'}{GONE}"}`, 'the environment does not have'],
    ['services in two places', '{"services":["https://a.example"],"tokens":{"services":[]}}', 'two places'],
  ])('for %s in the file', async (_name, content, said) => {
    folder.write('authority.json', content)
    const { code, err } = await refusedStart(['--config', 'authority.json'], given)
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(said) })
  })

  it('where the address is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const { code, err } = await refusedStart([], { ...given, COUNTERMARK_LISTEN: `127.0.0.1:${port}` })
    taken.close()
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('it is taken') })
  })
})

const redisServer = requireProgram('redis-server')
const withRedis = redisServer === undefined ? it.skip : it

withRedis('remembers signatures in Redis where it is given one', async () => {
  const redis = await startRedis({ command: redisServer ?? '' })
  const said = await started([], { COUNTERMARK_REDIS: `redis://127.0.0.1:${redis.port}` })
  const asked = await asOps('agent', 'show', 'agt_unknown')
  await (running as Running).end()
  await redis.stop()
  expect(said).toContain(`signatures     redis://127.0.0.1:${redis.port}`)
  expect(asked).toMatchObject({ code: 1, out: expect.stringContaining('404 not_found') })
})
