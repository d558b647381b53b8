import { countermark, staticKeys } from 'countermark/express'
import express, { type Express, type RequestHandler } from 'express'
import session from 'express-session'

declare module 'express-session' {
  interface SessionData {
    user: string
  }
}

/** What the application is told. */
export interface ServerOptions {
  readonly origin: () => string
  /** Public keys by agent. */
  readonly agentKeys: Readonly<Record<string, string>>
  readonly capabilities: readonly string[]
}

/** A shop whose people log in and keep a session; agents use the same routes with a signature. */
export function createServer({ origin, agentKeys, capabilities }: ServerOptions): Express {
  const keys = staticKeys(
    Object.entries(agentKeys).map(([agentId, key]) => ({ agentId, key, record: { capabilities: [...capabilities] } })),
  )
  const agents = countermark({ origins: () => [origin()], keys })

  const app = express()
  // Whoever signs is an agent and is judged as one; everybody else goes on as before.
  app.use(agents.with({ optional: true }))
  app.use(session({ secret: 'of-this-example', resave: false, saveUninitialized: false }))
  app.use(express.urlencoded({ extended: false }))

  app.post('/login', (req, res) => {
    req.session.user = String(req.body.user)
    res.sendStatus(204)
  })
  app.get('/orders', either(agents.require('orders:read')), (req, res) => {
    res.json({ orders: ['kettle'], for: req.agent?.id ?? req.session.user })
  })
  app.post('/refunds', agents.require('refunds:create'), (_req, res) => void res.sendStatus(201))
  app.delete('/account', people, (_req, res) => void res.sendStatus(204))
  return app
}

/** A person who has logged in; an agent, whatever cookies it sends, is none. */
const people: RequestHandler = (req, res, next) => {
  if (req.agent === undefined && req.session.user !== undefined) next()
  else res.sendStatus(req.agent === undefined ? 401 : 403)
}

/** An agent with the scope, or a person who has logged in. */
function either(forAgents: RequestHandler): RequestHandler {
  return (req, res, next) => (req.agent === undefined ? people(req, res, next) : forAgents(req, res, next))
}
