import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import FormDataPackage from 'form-data'
import { Agent, Request as UndiciRequest, fetch as undiciFetch } from 'undici'
import type { AgentFetch, UnderlyingFetch } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let server: RecordingServer
let agentFetch: AgentFetch

beforeAll(async () => {
  buyer = await createAgentWithKey()
  server = await startRecordingServer(({ target, method, body }): Answer => {
    if (target === '/old') return { status: 302, headers: { location: '/new' } }
    if (target === '/utf-8') return { status: 302, headers: { location: Buffer.from('/café?q=ü').toString('latin1') } }
    return { body: `${method} ${target} ${body}` }
  })
  agentFetch = buyer.createFetch({ origins: [server.origin] })
})
afterAll(() => server.close())

/** What `fetch` and ours say of the same call. */
async function both(call: (fetch: AgentFetch) => Promise<unknown>): Promise<void> {
  const [theirs, ours] = [await call(fetch as AgentFetch), await call(agentFetch)]
  expect(ours).toEqual(theirs)
}

const text = async (response: Promise<Response>): Promise<string> => (await response).text()
const post = (): Request => new Request(`${server.origin}/x`, { method: 'POST', body: 'order' })

describe('like fetch, it', () => {
  it.each<[string, (call: AgentFetch) => Promise<Response>]>([
    ['takes options that are null', (call) => call(`${server.origin}/x`, null)],
    [
      'keeps the body of a Request beside a body that is undefined',
      (call) => call(post(), { body: undefined } as object),
    ],
    ['keeps the body of a Request beside a body that is null', (call) => call(post(), { body: null })],
    ['sends nothing for a body that is null', (call) => call(`${server.origin}/x`, { method: 'POST', body: null })],
    [
      'lets a null take the signal of a Request away',
      (call) => call(new Request(`${server.origin}/x`, { signal: AbortSignal.abort() }), { signal: null }),
    ],
    ['reads Location as UTF-8', (call) => call(`${server.origin}/utf-8`)],
  ])('%s', (_name, call) => both((fetch) => text(call(fetch))))

  it.each(['/old', '/x'])('says of %s where the answer is from and whether it was redirected', (path) =>
    both(async (call) => {
      const response = await call(server.origin + path)
      const copy = response.clone()
      return [response, copy].map(({ url, redirected, status }) => ({ url, redirected, status }))
    }),
  )

  it('checks the integrity that a Request asks for', async () => {
    const integrity = `sha256-${'A'.repeat(43)}=`
    await expect(agentFetch(new Request(server.origin, { integrity }))).rejects.toThrow('fetch failed')
    await expect(agentFetch(server.origin, { integrity })).rejects.toThrow('fetch failed')
  })

  it.each([42, true, 10n, new String('abc')])('sends %p as text', async (body) => {
    await agentFetch(server.origin, { method: 'POST', body: body as unknown as string })
    expect(server.last().body.toString()).toBe(String(body))
    expect(server.last().headers.only('content-type')).toBe('text/plain;charset=UTF-8')
  })
})

describe('one signal for many requests', () => {
  it('gets no listener for each of them, and no warning', async () => {
    const warn = jest.spyOn(process, 'emitWarning')
    const { signal } = new AbortController()
    const counts: number[] = []
    const count = (): void => void counts.push(getEventListeners(signal, 'abort').length)
    const underlying: UnderlyingFetch = async () => {
      count()
      return new Response()
    }
    const call = buyer.createFetch({ origins: [server.origin], fetch: underlying })
    await Promise.all(Array.from({ length: 2000 }, () => call(server.origin, { signal })))
    count()
    expect([Math.max(...counts), warn.mock.calls.length]).toEqual([0, 0])
    warn.mockRestore()
  })

  it('ends each of them, with its reason', async () => {
    const controller = new AbortController()
    const underlying: UnderlyingFetch = (_url, { signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    const call = buyer.createFetch({ origins: [server.origin], fetch: underlying })
    const calls = [1, 2, 3].map(() => call(server.origin, { signal: controller.signal }))
    controller.abort(new Error('enough'))
    for (const pending of calls) await expect(pending).rejects.toThrow('enough')
  })
})

describe('a dispatcher', () => {
  class CountingAgent extends Agent {
    used = 0
    override dispatch(...given: Parameters<Agent['dispatch']>): boolean {
      this.used += 1
      return super.dispatch(...given)
    }
  }
  const throughUndici = (): AgentFetch =>
    buyer.createFetch({ origins: [server.origin], fetch: undiciFetch as unknown as UnderlyingFetch })

  it('given beside the URL is the way of the request and of its redirects', async () => {
    const dispatcher = new CountingAgent()
    await text(throughUndici()(`${server.origin}/old`, { dispatcher } as object))
    await dispatcher.close()
    expect(dispatcher.used).toBe(2)
  })

  it('inside a Request of undici is its way', async () => {
    const dispatcher = new CountingAgent()
    const request = new UndiciRequest(`${server.origin}/x`, { dispatcher, method: 'POST', body: 'order' })
    expect(await text(throughUndici()(request as unknown as Request))).toBe('POST /x order')
    await dispatcher.close()
    expect(dispatcher.used).toBe(1)
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), ['content-digest'])).not.toThrow()
  })

  it('inside a Request of this Node is its way', async () => {
    const sent: string[] = []
    const dispatch = ({ path }: { readonly path: string }): never => {
      sent.push(path)
      throw new Error('no way')
    }
    const request = new Request(`${server.origin}/x`, { dispatcher: { dispatch } } as object)
    await agentFetch(request).catch(() => undefined)
    expect(sent).toEqual(['/x'])
  })
})

describe('a form of a package', () => {
  /** What the server finds in the form that it got last. */
  async function received(): Promise<readonly (readonly [string, string])[]> {
    const { headers, body } = server.last()
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), ['content-digest'])).not.toThrow()
    const form = await new Response(new Uint8Array(body), {
      headers: { 'content-type': headers.only('content-type') ?? '' },
    }).formData()
    return Promise.all(
      [...form].map(
        async ([name, value]) =>
          [name, typeof value === 'string' ? value : `${value.name}: ${await value.text()}`] as const,
      ),
    )
  }

  it('form-data is sent as a form', async () => {
    const form = new FormDataPackage()
    form.append('note', 'ü')
    form.append('file', Readable.from([Buffer.from('ket'), Buffer.from('tle')]), { filename: 'k.txt', knownLength: 6 })
    await agentFetch(server.origin, { method: 'POST', body: form as unknown as FormData })
    expect(await received()).toEqual([
      ['note', 'ü'],
      ['file', 'k.txt: kettle'],
    ])
  })

  it('with Blobs of its own is sent as a form', async () => {
    const file = {
      name: 'k.txt',
      type: 'text/plain',
      arrayBuffer: async () => Buffer.from('kettle'),
      [Symbol.toStringTag]: 'File',
    }
    const form = { [Symbol.toStringTag]: 'FormData', [Symbol.iterator]: () => [['file', file]].values() }
    await agentFetch(server.origin, { method: 'POST', body: form as unknown as FormData })
    expect(await received()).toEqual([['file', 'k.txt: kettle']])
  })

  it('that fails while it is read fails the call', async () => {
    const form = new FormDataPackage()
    form.append(
      'file',
      new Readable({
        read() {
          this.destroy(new Error('the disk is gone'))
        },
      }),
      { filename: 'k' },
    )
    await expect(agentFetch(server.origin, { method: 'POST', body: form as unknown as FormData })).rejects.toThrow(
      'the disk is gone',
    )
  })
})

describe('what is no call of fetch', () => {
  it.each<[string, unknown, unknown]>([
    ['a URL that is null', null, undefined],
    ['options that are text', 'https://api.example.com/', 'x'],
    ['a signal that is none', 'https://api.example.com/', { signal: {} }],
    ['an unknown way with redirects', 'https://api.example.com/', { redirect: 'odd' }],
    ['a body that is an object', 'https://api.example.com/', { method: 'POST', body: { a: 1 } }],
  ])('%s is refused', (_name, url, init) =>
    expect(
      buyer.createFetch({ origins: ['https://api.example.com'] })(url as string, init as RequestInit),
    ).rejects.toMatchObject({ code: 'request_invalid' }),
  )
})
