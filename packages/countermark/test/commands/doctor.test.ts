import { mkdirSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { findFreePort, requireProgram, startRedis, startServer } from '@countermark/testing'
import { useCommandFolder } from './run-in-folder.ts'

const redisServer = requireProgram('redis-server')
const withRedis = redisServer === undefined ? describe.skip : describe

interface Finding {
  readonly rule: string
  readonly state: string
  readonly found: string
}

describe('countermark doctor', () => {
  const folder = useCommandFolder()

  async function examine(...args: readonly string[]) {
    const { code, out } = await folder.run(['doctor', ...args, '--json'])
    const findings: readonly Finding[] = JSON.parse(out).findings
    return { code, states: Object.fromEntries(findings.map(({ rule, state }) => [rule, state])), findings }
  }

  it('looks at Node itself', async () => {
    expect((await examine()).states).toMatchObject({ 'node-version': 'ok', 'node-flags': 'ok' })
  })

  it.each([
    ['right', 0, 'ok'],
    ['two minutes behind', -120_000, 'failed'],
  ])('finds that the clock of a service is %s', async (_case, offsetMs, state) => {
    const server = await startServer((_req, res) => {
      res.setHeader('Date', new Date(Date.now() + offsetMs).toUTCString())
      res.end()
    })
    expect((await examine(server.origin)).states).toMatchObject({ clock: state })
    await server.close()
  })

  it('finds nothing where a proxy passes everything on', async () => {
    const { code, findings } = await throughProxy((incoming) => incoming)
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
    expect(code).toBe(0)
  })

  it.each<[string, string, Change]>([
    ['host', 'Host', (incoming) => ({ ...incoming, headers: { ...incoming.headers, host: 'upstream' } })],
    ['target', 'the path', (incoming) => ({ ...incoming, path: incoming.path.replace('/api', '') })],
    ['signature', 'Signature', ({ headers: { signature: _, ...headers }, ...incoming }) => ({ ...incoming, headers })],
    ['content', 'the content', (incoming) => ({ ...incoming, compact: true })],
  ])('finds by the rule %s that a proxy changes %s', async (rule, _case, change) => {
    const { code, findings } = await throughProxy(change)
    expect(findings.filter(({ state }) => state === 'failed').map((finding) => finding.rule)).toEqual([rule])
    expect(code).toBe(1)
  })

  it.each([
    ['answers', 200, 'application/json', '{"agents":[]}', 'ok'],
    ['is another page', 200, 'text/html', '<p>', 'failed'],
  ])('finds that a registry %s', async (_case, status, type, body, state) => {
    const server = await startServer((_req, res) => res.writeHead(status, { 'Content-Type': type }).end(body))
    expect((await examine('--registry', server.origin)).states).toMatchObject({ registry: state })
    await server.close()
  })

  interface Sent {
    readonly path: string
    readonly headers: IncomingMessage['headers']
    readonly compact?: boolean
  }
  type Change = (incoming: Sent) => Sent

  async function throughProxy(change: Change) {
    const port = await findFreePort()
    const proxy = await startServer((req, res) => void forward(req, res, port, change))
    const examined = await examine(`${proxy.origin}/api/orders`, '--echo', String(port))
    await proxy.close()
    return examined
  }

  async function forward(req: IncomingMessage, res: ServerResponse, port: number, change: Change): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const content = Buffer.concat(chunks).toString()
    const { path, headers, compact } = change({ path: req.url ?? '/', headers: req.headers })
    const sent = compact === true ? JSON.stringify(JSON.parse(content)) : content
    const onward = {
      port,
      path,
      method: req.method,
      headers: { ...headers, 'content-length': Buffer.byteLength(sent) },
    }
    request(onward, (answer) => answer.pipe(res)).end(sent)
  }
})

withRedis('countermark doctor --redis', () => {
  const folder = useCommandFolder()

  it.each([
    ['keeps everything', [], 'ok'],
    ['may forget', ['--maxmemory-policy', 'allkeys-lru'], 'failed'],
  ])('finds that a Redis %s', async (_case, args, state) => {
    const redis = await startRedis({ command: redisServer ?? '', arguments: args })
    const { out } = await folder.run(['doctor', '--redis', redis.url, '--json'])
    const states = JSON.parse(out).findings.map(({ rule, state: each }: Finding) => [rule, each])
    expect(Object.fromEntries(states)).toMatchObject({ redis: 'ok', 'redis-eviction': state, 'redis-rights': 'ok' })
    await redis.stop()
  })

  it.each(['ioredis', 'redis'])('asks through %s where that alone is installed', async (library) => {
    const redis = await startRedis({ command: redisServer ?? '', arguments: [] })
    const installed = join(folder.path, 'node_modules', library)
    mkdirSync(installed, { recursive: true })
    writeFileSync(join(installed, 'index.js'), `module.exports = require(${JSON.stringify(require.resolve(library))})`)
    const { out } = await folder.run(['doctor', '--redis', redis.url, '--json'])
    expect(JSON.parse(out).findings).toContainEqual({
      rule: 'redis',
      state: 'ok',
      found: `Redis answers (through ${library})`,
    })
    await redis.stop()
  })
})
