import { openAsBlob } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync, gzipSync } from 'node:zlib'
import { createTempFolder } from '@countermark/testing'
import type { AgentFetch } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type RecordingServer, startRecordingServer } from './recording-server.ts'

let server: RecordingServer
let buyer: AgentWithKey
let agentFetch: AgentFetch

beforeAll(async () => {
  server = await startRecordingServer()
  buyer = await createAgentWithKey()
  agentFetch = buyer.createFetch({ origins: [server.origin], maxBodyBytes: 1000 })
})
afterAll(() => server.close())

async function* chunks(...pieces: readonly (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  yield* pieces
}

/** What `fetch` takes and the types of this Node version do not name. */
const asBody = (body: unknown): NonNullable<RequestInit['body']> => body as NonNullable<RequestInit['body']>

describe('a body', () => {
  it.each([
    ['text', () => 'kettle ü \ud83d\ude00', 'kettle ü \ud83d\ude00', 'text/plain;charset=UTF-8'],
    ['bytes', () => new Uint8Array([107, 101]), 'ke', undefined],
    ['a part of a buffer', () => Buffer.from('xkettlex').subarray(1, 7), 'kettle', undefined],
    ['an ArrayBuffer', () => new Uint8Array([107, 101]).buffer, 'ke', undefined],
    [
      'form fields',
      () => new URLSearchParams({ a: '1 2', b: 'ü' }),
      'a=1+2&b=%C3%BC',
      'application/x-www-form-urlencoded;charset=UTF-8',
    ],
    ['a Blob', () => new Blob(['ket', 'tle'], { type: 'text/x-kettle' }), 'kettle', 'text/x-kettle'],
    ['a web stream', () => new Blob(['kettle']).stream(), 'kettle', undefined],
    ['a Node stream', () => Readable.from([Buffer.from('ket'), Buffer.from('tle')]), 'kettle', undefined],
    ['an async iterable', () => chunks('ket', Buffer.from('tle')), 'kettle', undefined],
  ])('of %s is signed as it is sent', async (_name, create, sent, contentType) => {
    await agentFetch(`${server.origin}/body`, { method: 'POST', body: asBody(create()) })
    const { body, headers } = server.last()
    expect(body.toString()).toBe(sent)
    expect(headers.only('content-type')).toBe(contentType)
    expect(headers.only('content-length')).toBe(String(body.length))
    const components = ['content-digest', ...(contentType === undefined ? [] : ['content-type'])]
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), components)).not.toThrow()
  })

  it('of a form is sent with the boundary that was signed', async () => {
    const form = new FormData()
    form.append('note', 'a "quoted" ü')
    form.append('file', new Blob(['file'], { type: 'text/plain' }), 'kettle.txt')
    await agentFetch(server.origin, { method: 'POST', body: form })
    const { headers, body } = server.last()
    const components = ['content-digest', 'content-type']
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), components)).not.toThrow()
    const received = await new Response(body, {
      headers: { 'content-type': headers.only('content-type') ?? '' },
    }).formData()
    expect(received.get('note')).toBe('a "quoted" ü')
    expect(await (received.get('file') as File).text()).toBe('file')
  })

  it('keeps the Content-Type that the caller gives', async () => {
    await agentFetch(server.origin, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
    expect(server.last().headers.lines('content-type')).toEqual(['application/json'])
  })

  it('is signed after compression when the caller compresses it', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    await agentFetch(server.origin, { method: 'POST', body: gzipSync('{"a":1}'), headers })
    expect(gunzipSync(server.last().body).toString()).toBe('{"a":1}')
    const components = ['content-digest', 'content-encoding']
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), components)).not.toThrow()
  })

  it('that is empty needs no digest', async () => {
    await agentFetch(server.origin, { method: 'POST', body: '' })
    expect(server.last().headers.has('content-digest')).toBe(false)
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), ['content-type'])).not.toThrow()
  })

  it('is not changed by an owner who goes on writing to the buffer', async () => {
    const bytes = Buffer.from('before')
    const pending = agentFetch(server.origin, { method: 'POST', body: bytes })
    await Promise.resolve()
    bytes.fill('x')
    await pending
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), ['content-digest'])).not.toThrow()
  })

  it('that is no body is refused before anything is sent', async () => {
    const count = server.received.length
    await expect(agentFetch(server.origin, { method: 'POST', body: asBody({ item: 'kettle' }) })).rejects.toMatchObject(
      {
        code: 'request_invalid',
      },
    )
    await expect(
      agentFetch(server.origin, { method: 'POST', body: asBody(Readable.from([{ item: 'kettle' }])) }),
    ).rejects.toMatchObject({ code: 'request_invalid' })
    expect(server.received.length).toBe(count)
  })

  it('of a Request that was read before is refused', async () => {
    const request = new Request(server.origin, { method: 'POST', body: 'x' })
    await request.text()
    await expect(agentFetch(request)).rejects.toMatchObject({ code: 'request_invalid' })
  })
})

describe('a body above the limit', () => {
  it('is refused, and its stream closed', async () => {
    let isClosed = false
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(300)),
      cancel: () => {
        isClosed = true
      },
    })
    await expect(agentFetch(server.origin, { method: 'POST', body: endless })).rejects.toMatchObject({
      code: 'body_too_large',
    })
    expect(isClosed).toBe(true)
  })

  it('is refused as text, as bytes and as a form', async () => {
    const form = new FormData()
    form.append('file', new Blob(['x'.repeat(2000)]))
    for (const body of ['x'.repeat(1001), new Uint8Array(1001), form]) {
      await expect(agentFetch(server.origin, { method: 'POST', body })).rejects.toMatchObject({
        code: 'body_too_large',
      })
    }
  })

  it('is read twice instead of held when it is a file', async () => {
    const folder = await createTempFolder()
    const path = join(folder.path, 'large.bin')
    await writeFile(path, Buffer.alloc(300_000, 'kettle'))
    await agentFetch(server.origin, { method: 'PUT', body: await openAsBlob(path, { type: 'application/x-large' }) })
    await folder.remove()
    const { body, headers } = server.last()
    expect(body.length).toBe(300_000)
    expect(headers.only('content-type')).toBe('application/x-large')
    const components = ['content-digest', 'content-type']
    expect(() => server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), components)).not.toThrow()
  })
})
