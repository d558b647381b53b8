import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { get } from 'node:https'
import { createHttpsServer, createServer } from '@countermark/express'
import { type StartedServer, sendRaw, startServer } from '@countermark/testing'
import express, { type Express, type Request } from 'express'
import express4 from 'express4'
import request from 'supertest'
import { WebSocket, WebSocketServer } from 'ws'
import { thrownCode } from '../../../test/support/outcomes.ts'
import { createSelfSigned } from '../../outbound/test/self-signed.ts'

const started: StartedServer[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.close()))
})

async function start(server: Parameters<typeof startServer>[0]): Promise<StartedServer> {
  const running = await startServer(server)
  started.push(running)
  return running
}

describe.each([
  ['Express 4', express4],
  ['Express 5', express],
])('createServer for %s', (_name, framework) => {
  it('makes messages that already are what the application makes of them', async () => {
    const app = framework()
    const server = createServer(app)
    const born: unknown[] = []
    server.prependListener('request', (req, res) => {
      born.push(Object.getPrototypeOf(req) === app.request, Object.getPrototypeOf(res) === app.response)
    })
    app.get('/', (req, res) => {
      res.json({
        kept: [Object.getPrototypeOf(req) === app.request, Object.getPrototypeOf(res) === app.response],
        node: [req instanceof IncomingMessage, res instanceof ServerResponse],
        constructors: [req.constructor === IncomingMessage, res.constructor === ServerResponse],
        app: [req.app === app, res.app === app],
      })
    })
    const { body } = await request(server).get('/')
    expect(born).toEqual([true, true])
    expect(body).toEqual({ kept: [true, true], node: [true, true], constructors: [true, true], app: [true, true] })
  })

  describe.each([
    ['app.listen', (app: Express) => app],
    ['createServer', (app: Express) => createServer(app)],
  ])('as with %s', (_how, serve) => {
    it('reads and answers: parameters, query, fields, JSON, settings', async () => {
      const app = framework().set('trust proxy', true).set('etag', false).set('json spaces', 1).use(framework.json())
      app.post('/orders/:id', (req, res) => {
        const { id } = req.params
        res.status(201).json({ id, page: req.query['page'], type: req.get('content-type'), ip: req.ip, sent: req.body })
      })
      const answer = await request(serve(app))
        .post('/orders/7?page=2')
        .set('X-Forwarded-For', '192.0.2.7')
        .send({ a: 1 })
      const json = { id: '7', page: '2', type: 'application/json', ip: '192.0.2.7', sent: { a: 1 } }
      expect([answer.status, answer.text]).toEqual([201, JSON.stringify(json, undefined, 1)])
      expect(answer.headers).toMatchObject({ 'x-powered-by': 'Express' })
      expect(answer.headers).not.toHaveProperty('etag')
    })

    it('takes extensions of app.request and app.response, earlier and later ones', async () => {
      const app = framework()
      Object.assign(app.request, { early: () => 'early' })
      const listener = serve(app)
      Object.assign(app.request, { late: () => 'late' })
      Object.assign(app.response, {
        shout(this: ServerResponse, text: string) {
          this.end(text.toUpperCase())
        },
      })
      app.get('/', (req, res) => {
        const { early, late }: { early?: () => string; late?: () => string } = Object(req)
        const { shout }: { shout?: (text: string) => void } = Object(res)
        shout?.call(res, `${early?.()} ${late?.()}`)
      })
      expect((await request(listener).get('/')).text).toBe('EARLY LATE')
    })

    it.each(['before', 'after'])('mounts applications %s the server is made', async (when) => {
      const app = framework()
      const inner = framework()
      Object.assign(app.request, { early: 'early' })
      Object.assign(inner.request, { own: 'own' })
      if (when === 'before') app.use('/inner', inner)
      const listener = serve(app)
      if (when === 'after') app.use('/inner', inner)
      Object.assign(app.request, { late: 'late' })
      const tell = (req: Request & { early?: string; late?: string; own?: string }): object => {
        return {
          app: req.app === inner,
          own: req.own,
          early: req.early,
          late: req.late,
          url: req.originalUrl,
          base: req.baseUrl,
        }
      }
      inner.get('/x', (req, res) => void res.json(tell(req)))
      app.get('/y', (req, res) => void res.json(tell(req)))
      const agent = request(listener)
      const shared = { early: 'early', late: 'late' }
      expect((await agent.get('/inner/x')).body).toEqual({
        ...shared,
        app: true,
        own: 'own',
        url: '/inner/x',
        base: '/inner',
      })
      expect((await agent.get('/y')).body).toEqual({ ...shared, app: false, url: '/y', base: '' })
    })

    it('gives the outer application its messages back after an inner one', async () => {
      const app = framework()
      const listener = serve(app)
      app.use(
        '/inner',
        framework().get('/', (_req, _res, next) => next()),
      )
      app.use(
        (req, res) => void res.json([req.app === app, res.app === app, Object.getPrototypeOf(req) === app.request]),
      )
      expect((await request(listener).get('/inner')).body).toEqual([true, true, true])
    })

    it('answers errors and unknown paths with Express’ own pages', async () => {
      const app = framework().set('env', 'test')
      app.get('/fails', () => {
        throw Object.assign(new Error('out of tea'), { status: 418 })
      })
      const agent = request(serve(app))
      const [failed, missing] = [await agent.get('/fails'), await agent.get('/nowhere')]
      expect([failed.status, failed.text]).toEqual([418, expect.stringContaining('Error: out of tea')])
      expect([missing.status, missing.text]).toEqual([404, expect.stringContaining('Cannot GET /nowhere')])
    })

    it('answers HTTP/1.0 and keeps connections of HTTP/1.1 alive', async () => {
      const app = framework().get('/', (req, res) => void res.send(req.httpVersion))
      const { port } = await start(serve(app))
      const old = await sendRaw(port, 'GET / HTTP/1.0\r\n\r\n')
      const kept = await sendRaw(
        port,
        'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      )
      expect([old.status, old.text, kept.status]).toEqual([200, '1.0', 200])
    })

    it('hands upgrades to who listens for them', async () => {
      const app = framework().get('/', (_req, res) => void res.send('still HTTP'))
      const { server, origin } = await start(serve(app))
      const sockets = new WebSocketServer({ server })
      sockets.on('connection', (socket, req) => socket.send(`hello ${req.url}`))
      const client = new WebSocket(`${origin.replace('http', 'ws')}/chat?room=1`)
      const [message] = await once(client, 'message')
      expect(String(message)).toBe('hello /chat?room=1')
      client.terminate()
      sockets.close()
      expect(await (await fetch(origin)).text()).toBe('still HTTP')
    })

    it('serves several applications at a time', async () => {
      const [first, second] = [framework().set('name', 'first'), framework().set('name', 'second')]
      for (const app of [first, second]) app.get('/', (req, res) => void res.send(req.app.get('name')))
      const [one, other] = [request(serve(first)), request(serve(second))]
      expect([(await one.get('/')).text, (await other.get('/')).text, (await one.get('/')).text]).toEqual([
        'first',
        'second',
        'first',
      ])
    })

    it('lets an application pass its messages to another', async () => {
      const other = framework().get('/', (req, res) => void res.json([req.app === other, res.app === other]))
      const app = framework().use((req, res) => other(req, res))
      expect((await request(serve(app)).get('/')).body).toEqual([true, true])
    })
  })

  it('takes the options of node:http in front of the application', async () => {
    const app = framework().get('/', (_req, res) => void res.send('ok'))
    const server = createServer({ maxHeaderSize: 1024, keepAliveTimeout: 1234 }, app)
    const { keepAliveTimeout } = server
    const { port } = await start(server)
    const large = await sendRaw(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2000)}\r\n\r\n`)
    expect([keepAliveTimeout, large.status]).toEqual([1234, 431])
  })

  it('serves the same over TLS', async () => {
    const app = framework().get('/', (req, res) => {
      res.send(`${req.protocol} ${Object.getPrototypeOf(req) === app.request}`)
    })
    const tls = createSelfSigned()
    const { port } = await start(createHttpsServer(tls, app))
    const [answer]: readonly IncomingMessage[] = await once(
      get({ host: '127.0.0.1', port, ca: tls.cert, servername: 'localhost' }),
      'response',
    )
    expect(String(await answer?.toArray())).toBe('https true')
  })

  it('may make several servers of one application', async () => {
    const app = framework().get('/', (req, res) => void res.json(Object.getPrototypeOf(req) === app.request))
    const servers = [createServer(app), createServer(app)]
    expect(await Promise.all(servers.map(async (server) => (await request(server).get('/')).body))).toEqual([
      true,
      true,
    ])
  })

  it('follows an application whose prototypes were replaced', async () => {
    const app = framework().get(
      '/',
      (req, res) => void res.json([Object.getPrototypeOf(req) === app.request, 'mine' in req]),
    )
    const before = createServer(app)
    app.request = Object.create(app.request, { mine: { value: true } })
    for (const server of [before, createServer(app)])
      expect((await request(server).get('/')).body).toEqual([true, true])
  })
})

describe('createServer', () => {
  const app = express()

  it.each([
    ['no application', () => createServer(undefined as unknown as Express), 'ERR_OPTION_INVALID'],
    ['a plain listener', () => createServer((() => undefined) as unknown as Express), 'ERR_OPTION_INVALID'],
    ['a router', () => createServer(express.Router() as unknown as Express), 'ERR_OPTION_INVALID'],
    ['options behind the application', () => createServer(app as object, {} as Express), 'ERR_OPTION_INVALID'],
    ['no options', () => createServer(null as unknown as object, app), 'ERR_OPTION_INVALID'],
    ['message classes of others', () => createServer({ IncomingMessage }, app), 'ERR_OPTION_INVALID'],
    ['response classes of others', () => createHttpsServer({ ServerResponse }, app), 'ERR_OPTION_INVALID'],
    [
      'a parser that lets requests be smuggled',
      () => createServer({ insecureHTTPParser: true }, app),
      'ERR_INSECURE_HTTP_PARSER',
    ],
  ])('does not start with %s', (_name, make, code) => expect(thrownCode(make)).toBe(code))
})
