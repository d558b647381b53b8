import type { Clock } from '@countermark/core'
import { systemClock } from '@countermark/core/internal'
import type { RequestToSign } from '../agent/request-to-sign.ts'
import { rawRequest, sendRaw } from '../servers/send-raw.ts'
import { noteRequests } from './fixtures.ts'
import { AUTHORITY, outcomeOf, problemOf, requestOf, type StartGuardedApp } from './guarded-app.ts'

/** Whose word counts about callers, and about ourselves. */
export function describeAddresses<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a prefix that a gateway takes off', () => {
    it('belongs to what the agent signs', async () => {
      const app = await start({ options: { strippedPrefix: '/shop' } })
      const signed = await app.agent.signRequest({ authority: AUTHORITY, target: '/shop/orders?limit=1' })
      const received = await sendRaw(app.port, rawRequest({ ...signed, target: '/orders?limit=1' }))
      expect([received.status, requestOf(app).target]).toEqual([200, '/shop/orders?limit=1'])
      const unprefixed = await app.send({ authority: AUTHORITY, target: '/orders' })
      expect(problemOf(unprefixed)['code']).toBe('signature_invalid')
    })

    it('is none of the paths that are left open', async () => {
      const app = await start({ options: { strippedPrefix: '/shop', open: { paths: ['/healthz'] } } })
      expect((await app.sendPlain({ target: '/healthz' })).status).toBe(200)
      expect((await app.sendPlain({ target: '/shop/healthz' })).status).toBe(401)
    })

    it.each(['shop', '/shop/', '/', '/a/../b', '/sh op', '/shop?x'])('is not written as %j', async (strippedPrefix) => {
      await expect(start({ options: { strippedPrefix } })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    })
  })

  describe('the address of the caller', () => {
    const addressFor = async (
      trustedProxies: readonly string[] | undefined,
      forwarded: readonly string[],
    ): Promise<string | undefined> => {
      const seen: (string | undefined)[] = []
      const app = await start({
        options: trustedProxies === undefined ? {} : { trustedProxies },
        build: ({ guard, handler }) => [
          guard(noteRequests((request) => void seen.push(request.remoteAddress))),
          handler,
        ],
      })
      await app.sendPlain({ headers: forwarded.map((value) => ['X-Forwarded-For', value]) })
      return seen[0]
    }

    it('is the socket’s: no header is believed of a peer that is not named', async () => {
      expect(await addressFor(undefined, ['198.51.100.7'])).toBe('127.0.0.1')
      expect(await addressFor([], ['198.51.100.7'])).toBe('127.0.0.1')
      expect(await addressFor(['192.0.2.0/24'], ['198.51.100.7'])).toBe('127.0.0.1')
    })

    it.each([
      ['one hop', ['198.51.100.7'], '198.51.100.7'],
      ['the last hop that is not trusted', ['203.0.113.9, 198.51.100.7, 10.0.0.2'], '198.51.100.7'],
      ['several lines in their order', ['203.0.113.9, 198.51.100.7', '10.0.0.2'], '198.51.100.7'],
      ['nothing but trusted hops', ['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
      ['no header', [], '127.0.0.1'],
      ['an empty header', [''], '127.0.0.1'],
      ['IPv6 in another spelling', ['2001:DB8:0:0::1'], '2001:db8::1'],
      ['IPv4 mapped into IPv6', ['::ffff:198.51.100.7'], '198.51.100.7'],
      ['a trusted hop mapped into IPv6', ['198.51.100.7, ::ffff:10.0.0.2'], '198.51.100.7'],
      ['a port', ['198.51.100.7:4444'], undefined],
      ['brackets', ['[2001:db8::1]'], undefined],
      ['a zone', ['fe80::1%eth0'], undefined],
      ['a name', ['localhost'], undefined],
      ['a script', ['"><script>'], undefined],
      ['octal digits', ['0300.0.2.1'], undefined],
      ['hexadecimal digits', ['0xc0.0.2.1'], undefined],
      ['too few digits', ['127.1'], undefined],
      ['one number', ['3221225985'], undefined],
      ['unknown', ['unknown'], undefined],
      ['a gap', ['198.51.100.7,, 10.0.0.2'], undefined],
      ['a comma at the end', ['198.51.100.7,'], undefined],
      ['nonsense behind a good hop', ['nonsense, 198.51.100.7'], '198.51.100.7'],
    ] as const)('by trusted proxies: %s', async (_name, forwarded, address) => {
      expect(await addressFor(['127.0.0.1', '10.0.0.0/8'], forwarded)).toBe(address)
    })
  })

  describe('who we are', () => {
    const send = (app: Awaited<ReturnType<typeof start>>, host: string): ReturnType<typeof app.sendPlain> =>
      app.sendPlain({ headers: [['Host', host]] })

    it.each([AUTHORITY, 'API.Example.COM', `${AUTHORITY}:443`])('answers to %s', async (host) => {
      expect(problemOf(await send(await start(), host))['code']).toBe('credentials_missing')
    })

    it.each([
      'other.example',
      `${AUTHORITY}:80`,
      `${AUTHORITY}:8443`,
      `${AUTHORITY}.`,
      `${AUTHORITY}@evil.example`,
      `evil.example@${AUTHORITY}`,
      `${AUTHORITY}, evil.example`,
      `${AUTHORITY}/x`,
      `https://${AUTHORITY}`,
      '127.0.0.1',
    ])('does not answer to %s', async (host) => {
      const response = await send(await start(), host)
      expect(outcomeOf(response)).toBe('400 authority_mismatch')
    })

    it('is not what a forwarding header says', async () => {
      const app = await start({ options: { trustedProxies: ['127.0.0.1'] } })
      const forwarded = { 'X-Forwarded-Host': AUTHORITY, Forwarded: `host=${AUTHORITY}`, 'X-Forwarded-Proto': 'http' }
      const elsewhere = await app.send({
        headers: forwarded,
        tamper: { sent: {}, headerLines: hostOf('other.example') },
      })
      expect(problemOf(elsewhere)['code']).toBe('authority_mismatch')
      const here = await app.send({ headers: { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'http' } })
      expect([here.status, app.runs.length]).toEqual([200, 1])
    })

    it('covers the scheme that was configured', async () => {
      const app = await start({ options: { origins: [`http://${AUTHORITY}`] } })
      const components = ['@method', '@target-uri', 'agent-id']
      const claimed = await app.send({ scheme: 'https', components })
      const configured = await app.send({ scheme: 'http', components })
      expect([claimed.status, configured.status]).toEqual([401, 200])
    })

    it('may be known only once the port is', async () => {
      const known: string[] = []
      const app = await start({ options: { origins: () => known } })
      expect([(await app.sendPlain()).status, app.runs.length]).toEqual([500, 0])
      known.push(app.origin)
      const host = app.origin.slice('http://'.length)
      expect((await app.send({ url: `${app.origin}/orders` })).status).toBe(200)
      expect(problemOf(await send(app, host))['code']).toBe('credentials_missing')
    })
  })

  describe('header fields', () => {
    const fillers = (count: number): (readonly [string, string])[] =>
      Array.from({ length: count }, (_, index) => [`X-Filler-${index}`, 'x'] as const)

    it('are counted: 200 pass, 201 do not', async () => {
      const app = await start()
      // Host and Connection count, too.
      expect((await app.sendPlain({ headers: fillers(198) })).status).toBe(401)
      const response = await app.sendPlain({ headers: fillers(199) })
      expect(outcomeOf(response)).toBe('431 headers_too_large')
    })

    it('are counted by another limit where one is set', async () => {
      const app = await start({ options: { maxHeaderFields: 5 } })
      expect((await app.sendPlain({ headers: fillers(3) })).status).toBe(401)
      expect((await app.sendPlain({ headers: fillers(4) })).status).toBe(431)
    })
  })
}

function hostOf(
  host: string,
): (lines: readonly (readonly [string, string])[]) => readonly (readonly [string, string])[] {
  return (lines) => lines.map(([name, value]) => (name === 'Host' ? [name, host] : [name, value]))
}

const TIGHT = { perSecond: 1, burst: 3 }
/** Nothing comes back while a test runs. */
const clock: Clock = { wallMs: systemClock.wallMs, monotonicMs: () => 0 }
const FORGED: RequestToSign = { authority: AUTHORITY, target: '/', tamper: { signature: (bytes) => bytes.fill(7) } }

/** What one network may send that proves nothing. */
export function describeSourceLimit<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('requests that prove nothing', () => {
    it('are refused before any work once their network has sent too many', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT } })
      const codes: unknown[] = []
      for (let count = 0; count < 5; count++) codes.push(problemOf(await app.send(FORGED))['code'])
      expect(codes).toEqual([...Array(3).fill('signature_invalid'), 'rate_limited', 'rate_limited'])
      const refused = await app.send({ authority: AUTHORITY, target: '/' })
      expect([refused.status, Number(refused.header('retry-after')), app.runs.length]).toEqual([429, 1, 0])
      expect(app.observer.decisions.at(-1)).toMatchObject({ check: 'sourceLimit', outcome: 'deny', status: 429 })
    })

    it('count: copies of proven requests, and requests without credentials', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT } })
      const copy = rawRequest(await app.agent.signRequest({ authority: AUTHORITY, target: '/' }))
      const statuses: number[] = []
      for (let count = 0; count < 3; count++) statuses.push((await sendRaw(app.port, copy)).status)
      statuses.push((await app.sendPlain()).status, (await app.sendPlain()).status)
      expect(statuses).toEqual([200, 401, 401, 401, 429])
    })

    it('are the only ones that count: verified requests never use the limit up', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT } })
      for (let count = 0; count < 10; count++) await app.send({ authority: AUTHORITY, target: '/' })
      expect(app.runs).toHaveLength(10)
    })

    it('are counted by the address that trusted proxies tell of', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT, trustedProxies: ['127.0.0.1'] } })
      const from = (address: string) => app.sendPlain({ headers: [['X-Forwarded-For', address]] })
      for (let count = 0; count < 3; count++) await from(`198.51.100.${count}`)
      expect([(await from('198.51.100.9')).status, (await from('198.51.101.9')).status]).toEqual([429, 401])
    })

    it('pass as before where the guard only observes', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT, mode: 'observe' } })
      for (let count = 0; count < 5; count++) expect((await app.send(FORGED)).status).toBe(200)
      expect(app.observer.decisions.at(-1)?.refusal?.code).toBe('rate_limited')
    })

    it('have no limit where it is off', async () => {
      const app = await start({ options: { clock, sourceLimit: 'off' } })
      const statuses = new Set<number>()
      for (let count = 0; count < 20; count++) statuses.add((await app.sendPlain()).status)
      expect([...statuses]).toEqual([401])
    })
  })
}
