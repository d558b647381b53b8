import type { AgentRequest } from '@countermark/core'
import type { RouteInfo } from '@countermark/core/internal'
import { noteRequests } from './fixtures.ts'
import { outcomeOf, requestOf, type StartGuardedApp } from './guarded-app.ts'

/** Requests below mounts, prefixes and parameters. */
export function describeRoutes<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe.each(['app', 'router'] as const)('a guard three mounts deep (%s)', (how) => {
    const startDeep = (seen: (request: AgentRequest) => void = () => undefined): ReturnType<typeof start> =>
      start({
        build: ({ app, guard, checks, handler }) => {
          app.mount(how, '/api', (api) =>
            api.mount(how, '/v1', (v1) =>
              v1.mount(how, '/shop', (shop) => {
                shop.route('get', '/orders/:id', guard(noteRequests(seen), checks.verify, checks.once), handler)
                shop.route('post', '/orders/:id', guard(checks.verify, checks.once), handler)
              }),
            ),
          )
        },
      })

    it('sees the target that was signed', async () => {
      const app = await startDeep()
      const response = await app.send({ target: '/api/v1/shop/orders/7?full=1' })
      expect([response.status, requestOf(app).target]).toEqual([200, '/api/v1/shop/orders/7?full=1'])
      expect([requestOf(app).path, requestOf(app).query]).toEqual(['/api/v1/shop/orders/7', '?full=1'])
    })

    it('refuses what was signed for the mounted rest', async () => {
      const app = await startDeep()
      const response = await app.send({
        target: '/orders/7',
        tamper: { sent: { target: '/api/v1/shop/orders/7' } },
      })
      expect(outcomeOf(response)).toBe('401 signature_invalid')
    })

    it('knows the route and its parameters', async () => {
      const routes: RouteInfo[] = []
      const app = await startDeep((request) => void routes.push(request.route()))
      await app.send({ target: '/api/v1/shop/orders/a%2Fb' })
      const template = how === 'router' ? '/api/v1/shop/orders/:id' : expect.stringMatching(/\/orders\/:id$/)
      expect(routes).toEqual([{ template, parameters: { id: 'a/b' } }])
    })

    it('guards the HEAD that a GET route answers', async () => {
      const app = await startDeep()
      const target = '/api/v1/shop/orders/7'
      const allowed = await app.send({ method: 'HEAD', target })
      const refused = await app.sendPlain({ method: 'HEAD', target })
      expect([allowed.status, refused.status, app.runs.length]).toEqual([200, 401, 1])
    })

    it('guards the spelling with a slash at its end', async () => {
      const app = await startDeep()
      const target = '/api/v1/shop/orders/7/'
      expect((await app.sendPlain({ target })).status).toBe(401)
      expect((await app.send({ target })).status).toBe(200)
    })
  })

  describe('a guard in front of everything', () => {
    const startWide = (seen: AgentRequest[] = []): ReturnType<typeof start> =>
      start({
        build: ({ app, guard, checks, handler }) => {
          app.use(
            guard(
              noteRequests((request) => void seen.push(request)),
              checks.verify,
              checks.once,
            ),
          )
          app.mount('router', '/v1', (v1) => v1.route('get', '/orders/:id', handler))
        },
      })

    it('knows no route while it runs, and the route once the request ended', async () => {
      const early: (string | undefined)[] = []
      const app = await start({
        build: ({ app, guard, checks, handler }) => {
          app.use(
            guard(
              noteRequests((request) => void early.push(request.route().template)),
              checks.verify,
              checks.once,
            ),
          )
          app.mount('router', '/v1', (v1) => v1.route('get', '/orders/:id', handler))
        },
      })
      await app.send({ target: '/v1/orders/7' })
      expect([early, requestOf(app).route()]).toEqual([
        [undefined],
        { template: '/v1/orders/:id', parameters: { id: '7' } },
      ])
    })

    it('guards what no route answers', async () => {
      const app = await startWide()
      expect((await app.sendPlain({ target: '/nowhere' })).status).toBe(401)
      expect((await app.send({ target: '/nowhere' })).status).toBe(404)
    })

    it.each([
      '/v1/orders/7?',
      '/v1/orders/7?a=1&a=2',
      '/v1/orders/%37',
      '/v1/orders/a+b?q=%20+',
      '/v1/orders/7;v=1',
      "/v1/orders/!$&'()*,;=:@",
      '/v1/orders/7?next=/a/../b//c',
    ])('takes the target byte for byte: %s', async (target) => {
      const seen: AgentRequest[] = []
      const app = await startWide(seen)
      expect((await app.send({ target })).status).toBe(200)
      expect(seen[0]?.target).toBe(target)
    })

    it.each(['/v1//orders/7', '/v1/./orders/7', '/v1/x/../orders/7', '/V1/orders/7', '/v1/orders/%37'])(
      'holds %s for another target than /v1/orders/7',
      async (target) => {
        const app = await startWide()
        const response = await app.send({ target: '/v1/orders/7', tamper: { sent: { target } } })
        expect([outcomeOf(response), app.runs.length]).toEqual(['401 signature_invalid', 0])
      },
    )
  })
}
