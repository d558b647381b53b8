import { createFetcher } from '../src/index.ts'
import type { FetchedResponse, FetchFunction } from '../src/internal.ts'
import { startHttpServer } from './fault-server.ts'

function answer(partial: Partial<FetchedResponse>): FetchFunction {
  const headers = { get: (name: string) => (name === 'content-type' ? 'application/json' : null) }
  return async () => ({ status: 200, redirected: false, headers, body: bytes('{}'), ...partial })
}

async function* bytes(...chunks: readonly string[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function* endless(): AsyncIterable<Uint8Array> {
  for (;;) yield Buffer.alloc(65_536, 0x20)
}

const URL = 'https://agents.example/jwks.json'

describe("a fetcher with a user's fetch", () => {
  it('works with the global fetch, which then decides what may be reached', async () => {
    const server = await startHttpServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end('{"by":"fetch"}')
    })
    const fetcher = createFetcher({ fetch, allowHttp: true, ports: 'any' })
    await expect(fetcher.fetchJson(server.url)).resolves.toMatchObject({ value: { by: 'fetch' } })
    await server.close()
  })

  it('asks for no redirects, by GET, with a signal', async () => {
    const calls: unknown[] = []
    const fetch: FetchFunction = (url, init) => {
      calls.push([url, init.method, init.redirect, init.signal.aborted])
      return answer({})(url, init)
    }
    await createFetcher({ fetch }).fetchJson(URL)
    expect(calls).toEqual([[URL, 'GET', 'manual', false]])
  })

  it.each([
    ['followed a redirect', { redirected: true }],
    ['hides a redirect', { status: 0 }],
    ['answers a redirect', { status: 302 }],
  ])('refuses an answer of one that %s', async (_name, partial) => {
    const fetcher = createFetcher({ fetch: answer(partial) })
    await expect(fetcher.fetchJson(URL)).rejects.toMatchObject({ reason: 'redirected' })
  })

  it('keeps the limit of bytes', async () => {
    const fetcher = createFetcher({ fetch: answer({ body: endless() }) })
    await expect(fetcher.fetchJson(URL)).rejects.toMatchObject({ reason: 'too_large' })
  })

  it('keeps the deadline even of one that ignores its signal', async () => {
    const deaf: FetchFunction = () => new Promise(() => {})
    const fetcher = createFetcher({ fetch: deaf, deadlineMs: 50 })
    await expect(fetcher.fetchJson(URL)).rejects.toMatchObject({ reason: 'deadline_exceeded' })
  })

  it('keeps the rules about URLs', async () => {
    const fetcher = createFetcher({ fetch: answer({}) })
    await expect(fetcher.fetchJson('http://agents.example/')).rejects.toMatchObject({ reason: 'url_refused' })
    await expect(fetcher.fetchJson('https://agents.example:8443/')).rejects.toMatchObject({ reason: 'url_refused' })
  })

  it('reports what the fetch throws, at once or in mid-body', async () => {
    const throwing: FetchFunction = () => Promise.reject(new TypeError('fetch failed'))
    await expect(createFetcher({ fetch: throwing }).fetchJson(URL)).rejects.toMatchObject({
      reason: 'connection_failed',
    })
    async function* broken(): AsyncIterable<Uint8Array> {
      yield Buffer.from('{')
      throw new TypeError('terminated')
    }
    const breaking = createFetcher({ fetch: answer({ body: broken() }) })
    await expect(breaking.fetchJson(URL)).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('takes an answer without a body for malformed', async () => {
    const fetcher = createFetcher({ fetch: answer({ body: null }) })
    await expect(fetcher.fetchJson(URL)).rejects.toMatchObject({ reason: 'malformed' })
  })
})
