import { type CapabilityRulesOptions, capabilityRules, coversScope, requireCapability } from '@countermark/capability'
import type { AgentKey, ReplayStore } from '@countermark/core'
import { type VerifyDelegationOptions, verifyDelegation } from '@countermark/delegation'
import { createGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { type FakeClock, keySourceOf, type StartedServer, startServer } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'

/** A shop that knows these agents and believes these issuers. */
export interface GuardedShopOptions {
  readonly keys: readonly AgentKey[]
  readonly issuers: VerifyDelegationOptions['issuers']
  readonly clock: FakeClock
  readonly audience?: string
  readonly delegation?: Partial<VerifyDelegationOptions>
  readonly rules?: (store: ReplayStore) => CapabilityRulesOptions
}

/** A running shop. */
export interface GuardedShop {
  readonly origin: string
  /** How many requests came in. */
  readonly asked: () => number
  /** `Authorization` of each. */
  readonly authorizations: () => readonly string[]
  readonly close: StartedServer['close']
}

/** Express: `GET /orders` needs `orders:read`, `POST /orders` needs `orders:write`. */
export async function startGuardedShop(options: GuardedShopOptions): Promise<GuardedShop> {
  const { keys, issuers, clock, audience = 'https://api.example.com', delegation = {} } = options
  const store = memoryReplayStore({ clock, startedAt: 0 })
  const authorizations: string[] = []
  const guard = createGuard({ origins: () => [server.origin], clock })
  const rules = capabilityRules(options.rules?.(store) ?? {})
  const tokens = verifyDelegation({ issuers, audience, offline: { coversScope }, ...delegation })
  const app = express()
  app.use((req, res, next) => {
    authorizations.push(req.headers.authorization ?? '')
    res.set('Date', new Date(clock.wallMs()).toUTCString())
    next()
  })
  app.use(guard(verifySignature({ keys: keySourceOf(...keys) }), preventReplay({ store }), tokens))
  app.use(express.json())
  const answer: express.RequestHandler = (req, res) => {
    const { id, level, delegation: facts } = req.agent ?? {}
    res.json({ agent: id, level, subject: facts?.subject, scopes: facts?.scopes, body: req.body })
  }
  app.get('/orders', guard(requireCapability('orders:read', {}, rules)), answer)
  app.post('/orders', guard(requireCapability('orders:write', {}, rules)), answer)
  const server = await startServer(app)
  return {
    origin: server.origin,
    asked: () => authorizations.length,
    authorizations: () => authorizations,
    close: server.close,
  }
}

/** Koa, with two guards: every request is signed and carries a token, and all of them need `orders:read`. */
export async function startGuardedKoaShop(options: GuardedShopOptions): Promise<GuardedShop> {
  const { keys, issuers, clock, audience = 'https://api.example.com', delegation = {} } = options
  const store = memoryReplayStore({ clock, startedAt: 0 })
  const authorizations: string[] = []
  const guard = createKoaGuard({ origins: () => [server.origin], clock })
  const app = new Koa()
  app.use((context, next) => {
    authorizations.push(context.get('authorization'))
    context.set('Date', new Date(clock.wallMs()).toUTCString())
    return next()
  })
  const tokens = verifyDelegation({ issuers, audience, ...delegation })
  app.use(guard(verifySignature({ keys: keySourceOf(...keys) }), preventReplay({ store }), tokens))
  app.use(guard(requireCapability('orders:read')))
  app.use((context) => {
    const { agent } = context.state
    context.body = { agent: agent?.id, level: agent?.level, scopes: agent?.delegation?.scopes }
  })
  const server = await startServer(app.callback())
  return {
    origin: server.origin,
    asked: () => authorizations.length,
    authorizations: () => authorizations,
    close: server.close,
  }
}

/** Koa, without signatures: a client that proves possession with DPoP, with nonces of the shop, may `GET /`. */
export async function startDpopShop(options: GuardedShopOptions): Promise<GuardedShop> {
  const { issuers, clock, audience = 'https://api.example.com', delegation = {} } = options
  const store = memoryReplayStore({ clock, startedAt: 0 })
  const authorizations: string[] = []
  const guard = createKoaGuard({ origins: () => [server.origin], clock })
  const dpop = { store, nonce: 'required' } as const
  const app = new Koa()
  app.use((context, next) => {
    authorizations.push(context.get('authorization'))
    return next()
  })
  app.use(guard(verifyDelegation({ issuers, audience, dpop, ...delegation }), requireCapability('orders:read')))
  app.use((context) => {
    const { agent } = context.state
    context.body = { agent: agent?.id, level: agent?.level, scheme: agent?.scheme }
  })
  const server = await startServer(app.callback())
  return {
    origin: server.origin,
    asked: () => authorizations.length,
    authorizations: () => authorizations,
    close: server.close,
  }
}
