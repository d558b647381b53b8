import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { createFetcher, type FetcherOptions, signWebhook, verifyWebhook, webhookSecrets } from '../src/index.ts'
import { type FaultServer, startHttpServer } from './fault-server.ts'

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const
const AT_MS = 1_674_087_231_000
const [SECRET = new Uint8Array()] = webhookSecrets('secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
const [OTHER = new Uint8Array()] = webhookSecrets('secret', `whsec_${Buffer.alloc(24, 7).toString('base64')}`)
const CONTENT = '{"test": 2432232314}'
const NOTICE = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', atMs: AT_MS, content: CONTENT }

const servers: FaultServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})
async function start(listener: RequestListener): Promise<string> {
  const server = await startHttpServer(listener)
  servers.push(server)
  return server.url
}
const notify = (url: string, options: FetcherOptions = LOOPBACK) =>
  createFetcher(options).notify(url, CONTENT, signWebhook(NOTICE, [SECRET]))

describe('a signed notice', () => {
  it('is signed over id, timestamp and content, in this order', () => {
    const mac = createHmac('sha256', SECRET).update(`${NOTICE.id}.1674087231.${CONTENT}`).digest('base64')
    expect(signWebhook(NOTICE, [SECRET])).toEqual({
      'webhook-id': NOTICE.id,
      'webhook-timestamp': '1674087231',
      'webhook-signature': `v1,${mac}`,
    })
  })

  it('holds under either of two secrets while one follows the other', () => {
    const headers = signWebhook(NOTICE, [OTHER, SECRET])
    const held = [[SECRET], [OTHER]].map((secrets) => verifyWebhook(headers, CONTENT, { secrets, nowMs: AT_MS }))
    expect(held).toEqual([true, true])
  })

  it.each(['', 'a.b', 'a b', 'x'.repeat(257)])('has an id that cannot be taken for another: %p', (id) => {
    expect(() => signWebhook({ ...NOTICE, id }, [SECRET])).toThrow(TypeError)
  })

  it.each([undefined, [], 'plain', 'whsec_AAAA', `whsec_${'A'.repeat(88)}`])('wants a secret: %p', (given) => {
    expect(() => webhookSecrets('secret', given)).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
  })
})

describe('an attacker', () => {
  const headers = signWebhook(NOTICE, [SECRET])
  it.each([
    ['other content', headers, '{"test": 1}', AT_MS],
    ['another id', { ...headers, 'webhook-id': 'msg_b' }, CONTENT, AT_MS],
    ['a notice of long ago', headers, CONTENT, AT_MS + 301_000],
    ['a notice of later', headers, CONTENT, AT_MS - 301_000],
    ['no time', { ...headers, 'webhook-timestamp': 'NaN' }, CONTENT, AT_MS],
    ['another kind of signature', { ...headers, 'webhook-signature': 'v1a,AAAA' }, CONTENT, AT_MS],
    ['no signature', { ...headers, 'webhook-signature': undefined }, CONTENT, AT_MS],
    ['a receiver without a clock', headers, CONTENT, Number.NaN],
  ])('is not believed with %s', (_name, given, content, nowMs) => {
    expect(verifyWebhook(given, content, { secrets: [SECRET], nowMs })).toBe(false)
  })
})

describe('a fetcher that notifies', () => {
  it('posts the content with its fields, and what arrives verifies', async () => {
    let seen: { readonly headers: IncomingHttpHeaders; readonly content: string } | undefined
    const url = await start(async (request, response) => {
      seen = { headers: request.headers, content: await text(request) }
      response.writeHead(204).end()
    })
    expect(await notify(url)).toEqual({ status: 204, retryAfterSeconds: undefined })
    expect(seen?.headers['content-type']).toBe('application/json')
    expect(verifyWebhook(seen?.headers ?? {}, seen?.content ?? '', { secrets: [SECRET], nowMs: AT_MS })).toBe(true)
  })

  it('gives a failure back as it is, and when to come again', async () => {
    const url = await start((_request, response) => response.writeHead(503, { 'retry-after': '7' }).end('later'))
    expect(await notify(url)).toEqual({ status: 503, retryAfterSeconds: 7 })
  })

  it('follows no redirect, goes to no private address, and waits no longer than told', async () => {
    const redirecting = await start((_request, response) => response.writeHead(307, { location: '/b' }).end())
    await expect(notify(redirecting)).rejects.toMatchObject({ reason: 'redirected' })
    await expect(notify(redirecting, { allowHttp: true, ports: 'any' })).rejects.toMatchObject({
      reason: 'address_refused',
    })
    const silent = await start(() => undefined)
    await expect(notify(silent, { ...LOOPBACK, deadlineMs: 50 })).rejects.toMatchObject({ reason: 'deadline_exceeded' })
  })
})
