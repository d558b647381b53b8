import { Readable } from 'node:stream'
import axios from 'axios'
import { clientCredentials, readRefusal, type UnderlyingFetch } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type RecordingServer, startRecordingServer } from './recording-server.ts'

/** Version 2, which has no types of its own. */
const nodeFetch: UnderlyingFetch & {
  readonly Request: new (url: string, init: object) => Request
} = require('node-fetch2')

const LONG = 'x'.repeat(40_000)
const REFUSAL = JSON.stringify({ code: 'capability_missing', status: 403, title: LONG })

let buyer: AgentWithKey
let server: RecordingServer

beforeAll(async () => {
  buyer = await createAgentWithKey()
  server = await startRecordingServer(({ target, method, body }, index): Answer => {
    if (target === '/old') return { status: 302, headers: { location: '/new' } }
    if (target === '/busy' && index % 2 === 0) return { status: 503, headers: { 'retry-after': '0' }, body: LONG }
    if (target === '/refused')
      return { status: 403, headers: { 'content-type': 'application/problem+json' }, body: REFUSAL }
    if (target === '/cookies')
      return {
        headers: [
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ],
      }
    if (target === '/none') return { status: 204 }
    return { body: `${method} ${target} ${body}` }
  })
})
afterAll(() => server.close())

/** As node-fetch 3 answers: a stream of Node as body. */
const nodeLike: UnderlyingFetch = async (url, init) => {
  const response = await fetch(url, init)
  const body = Readable.from([Buffer.from(await response.arrayBuffer())])
  const { status, statusText, headers } = response
  return { status, statusText, headers, url, body, redirected: false, text: async () => '' } as unknown as Response
}

describe.each<[string, UnderlyingFetch]>([
  ['node-fetch 2', nodeFetch],
  ['a fetch with streams of Node', nodeLike],
])('%s underneath', (_name, fetch) => {
  const call = (path: string, init?: RequestInit): Promise<Response> =>
    buyer.createFetch({ origins: [server.origin], fetch })(server.origin + path, init)

  it('sends what was signed', async () => {
    expect(await (await call('/x', { method: 'POST', body: 'order' })).text()).toBe('POST /x order')
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), ['content-digest'])).not.toThrow()
  })

  it('answers with a Response of the web', async () => {
    const response = await call('/x')
    expect(response).toBeInstanceOf(Response)
    expect([response.url, response.clone().url, await response.text()]).toEqual([
      `${server.origin}/x`,
      `${server.origin}/x`,
      'GET /x ',
    ])
  })

  it('is asked again after a redirect', async () => {
    const response = await call('/old')
    expect([response.url, response.redirected, await response.text()]).toEqual([
      `${server.origin}/new`,
      true,
      'GET /new ',
    ])
  })

  it('is asked again after 503', async () => {
    expect((await call('/busy')).status).toBe(200)
  })

  it('answers refusals that can be read twice', async () => {
    const response = await call('/refused')
    expect((await readRefusal(response))?.code).toBe('capability_missing')
    expect(await response.text()).toBe(REFUSAL)
  })

  it('answers without content', async () => {
    const { status, body } = await call('/none')
    expect([status, body]).toEqual([204, null])
  })
})

describe('node-fetch', () => {
  it('keeps cookies apart', async () => {
    const response = await buyer.createFetch({ origins: [server.origin], fetch: nodeFetch })(`${server.origin}/cookies`)
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  it('has requests of its own, with an agent of Node inside', async () => {
    const seen: unknown[] = []
    const recording = (url: string, init: object): Promise<Response> => {
      seen.push(Reflect.get(init, 'agent'))
      return Promise.resolve(new Response(url))
    }
    const agent = { name: 'a proxy' }
    const request = new nodeFetch.Request(`${server.origin}/x`, { agent })
    const call = buyer.createFetch({ origins: [server.origin], fetch: recording })
    await call(request)
    expect(seen).toEqual([agent])
  })
})

describe('an answer whose body ends badly', () => {
  /** Answers with a body that the test ends. */
  async function answerWith(body: Readable): Promise<Response> {
    const fetch = async (): Promise<Response> =>
      ({ status: 200, headers: new Headers(), body, text: async () => '' }) as unknown as Response
    return buyer.createFetch({ origins: [server.origin], fetch })(server.origin)
  }

  it('rejects where it is read, with the reason', async () => {
    const body = new Readable({ read: () => undefined })
    const response = await answerWith(body)
    body.emit('error', new Error('the line is cut'))
    await expect(response.text()).rejects.toThrow('the line is cut')
  })

  it('is let go when it is given up, though a piece arrives', async () => {
    const body = new Readable({ read: () => undefined })
    const response = await answerWith(body)
    const reading = response.body?.getReader()
    const first = reading?.read()
    await reading?.cancel()
    body.push('late')
    expect(await first).toEqual({ done: true, value: undefined })
    expect(body.destroyed).toBe(true)
  })
})

describe('what is no fetch', () => {
  const create = (fetch: unknown) => () =>
    buyer.createFetch({ origins: [server.origin], fetch: fetch as UnderlyingFetch })

  it.each([
    ['axios', axios, 'let axios call this one'],
    ['axios with settings', axios.create({}), 'let axios call this one'],
    ['text', 'fetch', 'must be a function'],
  ])('is refused at once: %s', (_name, fetch, sentence) => expect(create(fetch)).toThrow(sentence))

  it('is refused at once for tokens too', () => {
    const server = { tokenEndpoint: 'https://id.example.com/token', clientId: 'agt_1', key: buyer.privateKey }
    expect(() => clientCredentials({ ...server, scopes: [], fetch: axios as unknown as UnderlyingFetch })).toThrow(
      'let axios call this one',
    )
  })

  it.each<[string, unknown]>([
    ['axios in a function', (url: string) => axios(url)],
    ['a function that answers nothing', async () => undefined],
    [
      'one whose body is no stream',
      async () => ({ status: 200, headers: new Headers(), body: { a: 1 }, text: async () => '' }),
    ],
  ])('says so when it answers: %s', async (_name, fetch) => {
    await expect(create(fetch)()(`${server.origin}/x`)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })
})

describe('axios that calls an agent’s fetch', () => {
  it('sends what was signed', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin] })
    const client = axios.create({ adapter: 'fetch', env: { fetch: agentFetch } } as object)
    const { data } = await client.post(`${server.origin}/x`, { item: 'kettle' })
    expect(data).toBe('POST /x {"item":"kettle"}')
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), ['content-digest'])).not.toThrow()
  })
})
