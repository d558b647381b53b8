import { sendRaw } from '../servers/send-raw.ts'
import type { StartGuardedApp } from './guarded-app.ts'

const PREFLIGHT = [
  ['Origin', 'https://shop.example'],
  ['Access-Control-Request-Method', 'POST'],
] as const

/** What passes without an agent, by name. */
export function describeOpenRequests<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a prefix left open', () => {
    const open = { prefixes: ['/public/'], methods: ['GET', 'POST'] }

    it.each(['/public/', '/public/a', '/public/a/b.css?v=1'])('lets pass what is below: %s', async (target) => {
      const app = await start({ options: { open } })
      expect((await app.sendPlain({ target })).status).toBe(200)
      expect((await app.sendPlain({ method: 'POST', target, body: Buffer.from('{}') })).status).toBe(200)
    })

    it.each([
      '/public',
      '/Public/a',
      '/public/../orders',
      '/public/..%2forders',
      '/public/%2e%2e/orders',
      '/public/.%2E;x/orders',
      '/public//orders',
      '/x/public/a',
    ])('guards everything else: %s', async (target) => {
      const app = await start({ options: { open } })
      expect([(await app.sendPlain({ target })).status, app.runs.length]).toEqual([401, 0])
    })

    it('guards methods that are not named, and a GET with content', async () => {
      const app = await start({ options: { open } })
      expect((await app.sendPlain({ method: 'DELETE', target: '/public/a' })).status).toBe(401)
      expect((await app.sendPlain({ target: '/public/a', body: Buffer.from('{}') })).status).toBe(401)
    })

    it('guards a method that a field would make another one', async () => {
      const app = await start({ options: { open } })
      const headers = [['X-HTTP-Method-Override', 'DELETE']] as const
      const { status } = await app.sendPlain({ method: 'POST', target: '/public/a', headers })
      expect([status, app.runs.length]).toEqual([401, 0])
    })

    it.each([
      [{ prefixes: ['/'] }],
      [{ prefixes: ['/public'] }],
      [{ prefixes: ['public/'] }],
      [{ prefixes: ['/a/../b/'] }],
      [{ prefixes: ['/public/*'] }],
      [{ methods: ['get'] }],
      [{ methods: ['OPTIONS'] }],
      [{ methods: '*' }],
    ])('does not start: %j', async (wrong) => {
      await expect(start({ options: { open: wrong as never } })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    })
  })

  describe('a path left open', () => {
    const startOpen = (): ReturnType<typeof start> => start({ options: { open: { paths: ['/healthz'] } } })

    it.each(['/healthz', '/healthz?verbose=1', '/healthz?'])('may be read without credentials: %s', async (target) => {
      const app = await startOpen()
      expect((await app.sendPlain({ target })).status).toBe(200)
      expect((await app.sendPlain({ method: 'HEAD', target })).status).toBe(200)
    })

    it.each([
      '/healthz/',
      '/Healthz',
      '/HEALTHZ',
      '/healthz/x',
      '/healthzz',
      '/%68ealthz',
      '/healthz%20',
      '/healthz%00',
      '/healthz%2f',
      '/healthz;a=b',
      '/healthz,',
      '/./healthz',
      '/x/../healthz',
      '/healthz/.',
      '/healthz/../orders',
      '/x//healthz',
    ])('is open in one spelling only: %s is guarded', async (target) => {
      const app = await startOpen()
      expect([(await app.sendPlain({ target })).status, app.runs.length]).toEqual([401, 0])
    })

    it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'QUERY', 'TRACE'])('is guarded for %s', async (method) => {
      const app = await startOpen()
      const { status } = await app.sendPlain({ method, target: '/healthz' })
      expect([status >= 400 && status < 500, app.runs.length]).toEqual([true, 0])
    })

    it.each(['10.244.0.5:8080', 'localhost', '', '[::1]:3000'])('may be read whatever Host says: %j', async (host) => {
      const app = await startOpen()
      const headers = [['Host', host]] as const
      expect((await app.sendPlain({ target: '/healthz', headers })).status).toBe(200)
      expect((await app.sendPlain({ target: '/orders', headers })).status).toBe(400)
    })

    it('may be read by HTTP/1.0, which names no host', async () => {
      const app = await startOpen()
      const response = await sendRaw(app.port, 'GET /healthz HTTP/1.0\r\n\r\n')
      expect([response.status, app.runs.length]).toEqual([200, 1])
    })

    it('is guarded when content comes with the GET', async () => {
      const app = await startOpen()
      expect((await app.sendPlain({ target: '/healthz', body: Buffer.from('{}') })).status).toBe(401)
    })

    it.each(['healthz', '/healthz?x=1', '/healthz#x', '//healthz', '/health*z\\', ''])(
      'must be one exact path: %j does not start',
      async (path) => {
        await expect(start({ options: { open: { paths: [path] } } })).rejects.toMatchObject({
          code: 'ERR_OPTION_INVALID',
        })
      },
    )
  })

  describe('a CORS preflight', () => {
    it('is guarded like everything else', async () => {
      const app = await start()
      expect((await app.sendPlain({ method: 'OPTIONS', headers: PREFLIGHT })).status).toBe(401)
    })

    it('reaches the application where that is asked for', async () => {
      const app = await start({ options: { open: { corsPreflight: true } } })
      expect((await app.sendPlain({ method: 'OPTIONS', headers: PREFLIGHT })).status).toBe(200)
      expect(app.observer.decisions[0]).toMatchObject({ outcome: 'allow', check: 'open', anonymous: true })
    })

    it.each([
      ['no Origin', 'OPTIONS', PREFLIGHT.slice(1)],
      ['no Access-Control-Request-Method', 'OPTIONS', PREFLIGHT.slice(0, 1)],
      ['another method', 'POST', PREFLIGHT],
    ] as const)('is guarded with %s', async (_name, method, headers) => {
      const app = await start({ options: { open: { corsPreflight: true } } })
      expect((await app.sendPlain({ method, headers })).status).toBe(401)
    })
  })
}
