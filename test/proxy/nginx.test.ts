import { mkdirSync, writeFileSync } from 'node:fs'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import {
  createTempFolder,
  createTestAgent,
  findFreePort,
  keySourceOf,
  type RawResponse,
  rawRequest,
  requireProgram,
  type StartedProgram,
  type StartedServer,
  sendRaw,
  startProgram,
  startServer,
  type TempFolder,
  type TestAgent,
} from '@countermark/testing'
import express from 'express'

const nginx = requireProgram('nginx')
const AUTHORITY = 'api.example.com'

/** The recipe of docs/behind-a-proxy.md, and what people write instead. */
const LOCATIONS = {
  recipe: 'proxy_pass http://127.0.0.1:UPSTREAM; proxy_set_header Host $http_host;',
  host: 'proxy_pass http://127.0.0.1:UPSTREAM; proxy_set_header Host $host;',
  rewriting: 'proxy_pass http://127.0.0.1:UPSTREAM/; proxy_set_header Host $http_host;',
}

interface Proxied {
  readonly ports: Readonly<Record<keyof typeof LOCATIONS, number>>
  readonly reached: string[]
}

const withNginx = nginx === undefined ? describe.skip : describe

withNginx('a guarded backend behind nginx', () => {
  let agent: TestAgent
  let backend: StartedServer
  let proxy: StartedProgram
  let folder: TempFolder
  const proxied = { ports: { recipe: 0, host: 0, rewriting: 0 }, reached: [] as string[] } satisfies Proxied

  beforeAll(async () => {
    agent = await createTestAgent({ agentId: 'agt_7f2k9x' })
    const guard = createGuard({ origins: [AUTHORITY], trustedProxies: ['127.0.0.1'] })
    const app = express()
    app.use(guard(verifySignature({ keys: keySourceOf(agent) }), preventReplay({ store: memoryReplayStore() })))
    app.use(express.json())
    app.use((req, res) => {
      proxied.reached.push(req.originalUrl)
      res.json({ agent: req.agent?.id, body: req.body })
    })
    backend = await startServer(app)
    folder = await createTempFolder()
    for (const name of Object.keys(LOCATIONS) as (keyof typeof LOCATIONS)[]) proxied.ports[name] = await findFreePort()
    proxy = await startNginx(nginx ?? '', folder.path, proxied.ports, backend.port)
  })

  afterAll(async () => {
    await proxy.stop()
    await backend.close()
    await folder.remove()
  })

  beforeEach(() => proxied.reached.splice(0))

  async function send(location: keyof typeof LOCATIONS, target: string, sentTarget = target): Promise<RawResponse> {
    const signed = await agent.signRequest({
      url: `https://${AUTHORITY}${target}`,
      tamper: { sent: { target: sentTarget } },
    })
    const closing = { ...signed, headerLines: [...signed.headerLines, ['Connection', 'close'] as const] }
    return sendRaw(proxied.ports[location], rawRequest(closing))
  }

  it.each([
    '/',
    '/orders',
    '/orders?page=2',
    '/orders?',
    '/orders?a=%20&b=+',
    '/files/a%2Fb',
    '/files/%61',
    '/a/./b',
    '/a//b',
    '/ORDERS/',
    '/orders;matrix=1',
  ])('passes %s on as it was signed', async (target) => {
    const response = await send('recipe', target)
    expect(response.status).toBe(200)
    expect(proxied.reached).toEqual([target])
  })

  it('passes a body on with its digest', async () => {
    const headers = { 'Content-Type': 'application/json', Connection: 'close' }
    const signed = await agent.signRequest({ url: `https://${AUTHORITY}/orders`, headers, body: '{"item":"kettle"}' })
    const response = await sendRaw(proxied.ports.recipe, rawRequest(signed))
    expect(JSON.parse(response.body.toString())).toEqual({ agent: 'agt_7f2k9x', body: { item: 'kettle' } })
  })

  it.each(['/public/../orders', '/%6frders', '/orders/', '/Orders', '//orders'])(
    'does not let %s pass under the signature of /orders',
    async (sent) => {
      const response = await send('recipe', '/orders', sent)
      expect(response.status).toBeGreaterThanOrEqual(400)
      expect(proxied.reached).toEqual([])
    },
  )

  it('does not let an absolute-form target choose the host', async () => {
    const elsewhere = await agent.signRequest({ url: 'https://evil.example/orders', headers: { Connection: 'close' } })
    const absolute = { ...elsewhere, target: 'http://evil.example/orders' }
    for (const location of ['recipe', 'host'] as const) {
      const response = await sendRaw(proxied.ports[location], rawRequest(absolute))
      expect(JSON.parse(response.body.toString()).code).toBe('authority_mismatch')
    }
    const disguised = absolute.headerLines.map(([name, value]) => [name, name === 'Host' ? AUTHORITY : value] as const)
    const response = await sendRaw(proxied.ports.recipe, rawRequest({ ...absolute, headerLines: disguised }))
    expect(JSON.parse(response.body.toString()).code).toBe('signature_invalid')
    expect(proxied.reached).toEqual([])
  })

  it('refuses what a rewriting proxy_pass changed, instead of guessing', async () => {
    const response = await send('rewriting', '/a/../orders')
    expect(JSON.parse(response.body.toString()).code).toBe('signature_invalid')
  })
})

async function startNginx(
  command: string,
  folder: string,
  ports: Proxied['ports'],
  upstream: number,
): Promise<StartedProgram> {
  const servers = Object.entries(LOCATIONS).map(([name, directives]) => {
    const port = ports[name as keyof typeof LOCATIONS]
    return `server { listen 127.0.0.1:${port}; location / { ${directives.replace('UPSTREAM', String(upstream))} } }`
  })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  for (const name of temporary) mkdirSync(`${folder}/${name}`)
  const config = [
    'daemon off; worker_processes 1; error_log stderr;',
    `pid ${folder}/nginx.pid;`,
    'events { worker_connections 64; }',
    `http { access_log off; ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}`,
    ...servers,
    '}',
  ]
  writeFileSync(`${folder}/nginx.conf`, config.join('\n'))
  const options = ['-p', folder, '-c', `${folder}/nginx.conf`, '-e', 'stderr']
  return startProgram({ command, arguments: options, ready: ports.recipe })
}
