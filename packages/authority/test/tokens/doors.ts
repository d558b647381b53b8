import { requireCapability } from '@countermark/capability'
import { countermarkAuthority, verifyDelegation } from '@countermark/delegation'
import { createGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { type StartedServer, startServer } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { ORDERS, type RunningAuthority } from './running-authority.ts'

/** Services that believe the authority; a request needs `orders:read`. */
export const DOORS = [
  ['Express', startExpressDoor],
  ['Koa', startKoaDoor],
] as const

type Checks = readonly [
  ReturnType<typeof verifySignature>,
  ReturnType<typeof preventReplay>,
  ReturnType<typeof verifyDelegation>,
]

function checksOf({ clock, agents, issuer }: RunningAuthority): Checks {
  const store = memoryReplayStore({ clock, startedAt: 0 })
  const issuers = [countermarkAuthority(issuer, { http: LOOPBACK })]
  return [
    verifySignature({ keys: agents }),
    preventReplay({ store }),
    verifyDelegation({ issuers, audience: ORDERS, dpop: { store }, httpSignatureForJkt: true }),
  ]
}

async function startExpressDoor(authority: RunningAuthority): Promise<StartedServer> {
  const guard = createGuard({ origins: () => [server.origin], clock: authority.clock })
  const app = express()
  app.use(guard(...checksOf(authority)))
  app.get('/orders', guard(requireCapability('orders:read')), (req, res) => {
    const { id, delegation } = req.agent ?? {}
    res.json({ agent: id, subject: delegation?.subject, prior: delegation?.priorActors.map((actor) => actor.id) })
  })
  const server = await startServer(app)
  return server
}

async function startKoaDoor(authority: RunningAuthority): Promise<StartedServer> {
  const guard = createKoaGuard({ origins: () => [server.origin], clock: authority.clock })
  const app = new Koa()
  app.use(guard(...checksOf(authority)))
  app.use(guard(requireCapability('orders:read')))
  app.use((context) => {
    const { id, delegation } = context.state.agent ?? {}
    context.body = { agent: id, subject: delegation?.subject, prior: delegation?.priorActors.map((actor) => actor.id) }
  })
  const server = await startServer(app.callback())
  return server
}
