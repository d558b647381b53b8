import { setDefaultAutoSelectFamily } from 'node:net'
import { createFetcher, type FetcherOptions } from '../src/index.ts'
import { type FaultServer, startHttpServer } from './fault-server.ts'

/** URLs that must never lead to a connection, with the reason. */
const REFUSED: readonly (readonly [url: string, reason: string])[] = [
  ...['', 'agents.example', '/jwks.json', '//agents.example/', 'https://', 'https://[::1', 'https:// /'].map(
    (url) => [url, 'url_refused'] as const,
  ),
  ...['http://agents.example/', 'ftp://agents.example/', 'file:///etc/passwd', 'data:application/json,{}'].map(
    (url) => [url, 'url_refused'] as const,
  ),
  ...['gopher://127.0.0.1/', 'javascript:1', 'ws://agents.example/', 'unix:/run/docker.sock'].map(
    (url) => [url, 'url_refused'] as const,
  ),
  ...['https://user@agents.example/', 'https://user:pw@agents.example/', 'https://:pw@agents.example/'].map(
    (url) => [url, 'url_refused'] as const,
  ),
  ...['https://agents.example:80/', 'https://agents.example:8443/', 'https://agents.example:22/'].map(
    (url) => [url, 'url_refused'] as const,
  ),
  [`https://agents.example/${'a'.repeat(2_048)}`, 'url_refused'],
  ...['https://127.0.0.1/', 'https://127.1/', 'https://2130706433/', 'https://0x7f000001/', 'https://0177.0.0.1/'].map(
    (url) => [url, 'address_refused'] as const,
  ),
  ...['https://0/', 'https://10.0.0.1/', 'https://169.254.169.254/latest/', 'https://192.168.0.1/'].map(
    (url) => [url, 'address_refused'] as const,
  ),
  ...['https://100.100.100.200/', 'https://168.63.129.16/', 'https://127。0。0。1/', 'https://①②⑦.0.0.1/'].map(
    (url) => [url, 'address_refused'] as const,
  ),
  ...['https://[::1]/', 'https://[::]/', 'https://[::ffff:127.0.0.1]/', 'https://[::ffff:7f00:1]/'].map(
    (url) => [url, 'address_refused'] as const,
  ),
  ...[
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://[2002:7f00:1::]/',
  ].map((url) => [url, 'address_refused'] as const),
  ...['https://[2001::1]/', 'https://[ff02::1]/', 'https://[2001:db8::1]/', 'https://[::127.0.0.1]/'].map(
    (url) => [url, 'address_refused'] as const,
  ),
  ...['https://localhost/', 'https://LOCALHOST/', 'https://local%68ost/'].map(
    (url) => [url, 'address_refused'] as const,
  ),
]

describe('a fetcher with default options', () => {
  it.each(REFUSED)('does not fetch %j: %s', async (url, reason) => {
    await expect(createFetcher().fetchJson(url)).rejects.toMatchObject({ name: 'OutboundError', reason })
  })

  it('says at start that a URL will never be fetched', () => {
    expect(() => createFetcher().checkUrl('http://agents.example/')).toThrow(/allowHttp/)
    expect(() => createFetcher().checkUrl('https://10.0.0.1/')).toThrow(/allowPrivateAddresses/)
    expect(createFetcher().checkUrl('https://agents.example/jwks.json#x').href).toBe('https://agents.example/jwks.json')
  })
})

describe('an attacker who owns the DNS of a host', () => {
  let canary: FaultServer

  beforeAll(async () => {
    canary = await startHttpServer((_request, response) => void response.end('{}'))
  })

  afterAll(() => canary.close())

  function fetchWith(options: FetcherOptions): Promise<unknown> {
    const fetcher = createFetcher({ allowHttp: true, ports: 'any', deadlineMs: 2_000, ...options })
    return fetcher.fetchJson(`http://agents.example:${canary.port}/`)
  }

  it.each([
    ['a private address', ['127.0.0.1']],
    ['a public address and a private one', ['8.8.8.8', '127.0.0.1']],
    ['a mapped address', ['::ffff:127.0.0.1']],
    ['a link-local address', ['169.254.169.254']],
  ])('cannot lead to this machine by %s', async (_name, addresses) => {
    const resolve = async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    await expect(fetchWith({ resolve })).rejects.toMatchObject({ reason: 'address_refused' })
    expect(canary.connections()).toBe(0)
  })

  it('cannot answer with something that is no address', async () => {
    const resolve = async () => [{ address: 'localhost', family: 4 }]
    await expect(fetchWith({ resolve })).rejects.toMatchObject({ reason: 'dns_failed' })
    await expect(fetchWith({ resolve: async () => [] })).rejects.toMatchObject({ reason: 'dns_failed' })
    expect(canary.connections()).toBe(0)
  })

  it('cannot hold a caller by not answering', async () => {
    const resolve = () => new Promise<never>(() => {})
    await expect(fetchWith({ resolve, deadlineMs: 50 })).rejects.toMatchObject({ reason: 'deadline_exceeded' })
  })
})

describe('a fetcher that may reach private addresses', () => {
  let server: FaultServer

  beforeAll(async () => {
    server = await startHttpServer((request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ host: request.headers.host }))
    })
  })

  afterAll(() => server.close())

  afterEach(() => setDefaultAutoSelectFamily(true))

  it.each([true, false])(
    'dials what it checked, whatever the name says elsewhere or later (trying all: %s)',
    async (all) => {
      setDefaultAutoSelectFamily(all)
      let questions = 0
      const resolve = async () => [{ address: questions++ === 0 ? '127.0.0.1' : '192.0.2.1', family: 4 }]
      const fetcher = createFetcher({ allowHttp: true, allowPrivateAddresses: true, ports: [server.port], resolve })
      const { value } = await fetcher.fetchJson(`http://registry.internal:${server.port}/`)
      expect([value, questions]).toEqual([{ host: `registry.internal:${server.port}` }, 1])
    },
  )
})
