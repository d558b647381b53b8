import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AgentView, Check, Clock, ReplayStore } from '@countermark/core'
import type { ComposeGuard } from '@countermark/core/internal'
import { createGuard as createExpressGuard } from '@countermark/express'
import { type StaticKey, staticKeys } from '@countermark/keys'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { httpSignatures, type SignatureScheme, simpleHeaders, verifySignature } from '@countermark/signature'
import express from 'express'
import Koa from 'koa'
import { createTokenChecks } from '../../packages/delegation/test/conformance/token-policies.ts'

// Answers the contract of the shared attack suites (README.md beside them): SETUP, PROFILE and FRAMEWORK come from the
// environment, `PORT <n>` is printed, and POST /__conformance/… sets the clock and empties the replay store.

interface Jwk {
  readonly kid: string
  readonly [member: string]: unknown
}

interface Setup {
  readonly clock: number
  readonly scheme: string
  readonly authority: string
  readonly scope_needed?: string
  readonly agents: readonly { readonly agent_id: string; readonly keys: readonly Jwk[] }[]
  readonly retired_keys: readonly { readonly agent_id: string; readonly key: Jwk; readonly not_after: number }[]
}

interface Profile {
  readonly accept: readonly SignatureScheme[]
  readonly schemes?: StaticKey['schemes']
}

/** What each suite states as its policy. */
const PROFILES: Readonly<Record<string, Profile>> = {
  'http-signature': {
    accept: [
      httpSignatures({
        expires: 'optional',
        nonce: 'required',
        tags: 'any',
        futureSkewSeconds: 60,
        algorithms: ['ed25519'],
        coverage: { whenPresent: [] },
      }),
    ],
  },
  simple: {
    accept: [simpleHeaders({ version: 0, routes: ['POST /v1/orders'] })],
    schemes: ['simple-v0'],
  },
}

const setup: Setup = JSON.parse(readFileSync(process.env['SETUP'] ?? '', 'utf8'))
const profile = PROFILES[process.env['PROFILE'] ?? '']

let nowSeconds = setup.clock
const clock: Clock = { wallMs: () => nowSeconds * 1000, monotonicMs: () => performance.now() }
let memory = createMemory()
const store: ReplayStore = {
  name: 'memory',
  claim: (claim, environment) => memory.claim(claim, environment),
  issueNonce: (environment) => memory.issueNonce(environment),
}
const options = { origins: [`${setup.scheme}://${setup.authority}`], clock }
const checks = createChecks()

/** The suites about tokens have their policies beside the vectors. */
function createChecks(): readonly Check[] {
  const name = process.env['PROFILE'] ?? ''
  if (name === 'delegation' || name === 'dpop' || name === 'both') return createTokenChecks(name, setup, store)
  if (profile === undefined) throw new Error(`there is no PROFILE ${name}`)
  return [verifySignature({ keys: createKeys(), accept: profile.accept }), preventReplay({ store }) as Check]
}

/** What the contract wants to know of an accepted request; a scope that is too small is not accepted. */
function answerTo(agent: AgentView | undefined): { readonly status: number; readonly body: object } {
  const { delegation } = agent ?? {}
  const { scope_needed: needed } = setup
  if (delegation !== undefined && needed !== undefined && !delegation.scopes.includes(needed)) {
    return { status: 403, body: { error: 'insufficient_scope' } }
  }
  const actors = delegation && [delegation.actor, ...delegation.priorActors].map(({ id }) => id)
  return { status: 200, body: { agent: agent?.id, subject: delegation?.subject, actors } }
}

function createMemory(): ReplayStore {
  return memoryReplayStore({ clock, startedAt: 0, futureSkewSeconds: 60, allowSingleProcess: true })
}

function createKeys(): ReturnType<typeof staticKeys> {
  const { schemes } = profile ?? {}
  const limits = schemes === undefined ? {} : { schemes }
  const active = setup.agents.flatMap(({ agent_id, keys }) =>
    keys.map((key) => ({ agentId: agent_id, keyId: key.kid, key, ...limits })),
  )
  const retired = setup.retired_keys.map(({ agent_id, key, not_after }) => {
    return { agentId: agent_id, keyId: key.kid, key, notAfter: not_after, ...limits }
  })
  return staticKeys([...active, ...retired])
}

/** Sets the clock; `reset` also forgets every request. */
function control(what: unknown, body: unknown): void {
  const { now } = body as { readonly now: number }
  nowSeconds = now
  if (what === 'reset') memory = createMemory()
}

/** The compiler knows guards of so many checks, not of a list. */
function composeAll<Handler>(guard: ComposeGuard<Handler>): Handler {
  return (guard as (...all: readonly Check[]) => Handler)(...checks)
}

const CONTROL = '/__conformance'

function expressListener(): RequestListener {
  const app = express()
  app.post(`${CONTROL}/:what`, express.json(), (req, res) => {
    control(req.params['what'], req.body)
    res.json({})
  })
  app.use(composeAll(createExpressGuard(options)))
  app.use((req, res) => {
    const { status, body } = answerTo(req.agent)
    res.status(status).json(body)
  })
  return app
}

function koaListener(): RequestListener {
  const app = new Koa()
  app.use(async (ctx, next) => {
    if (!ctx.path.startsWith(CONTROL)) return next()
    control(ctx.path.split('/')[2], JSON.parse(Buffer.concat(await ctx.req.toArray()).toString()))
    ctx.body = {}
  })
  app.use(composeAll(createKoaGuard(options)))
  app.use((ctx) => {
    const { status, body } = answerTo(ctx.state.agent)
    ctx.status = status
    ctx.body = body
  })
  return app.callback()
}

const server = createServer(process.env['FRAMEWORK'] === 'koa' ? koaListener() : expressListener())
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`PORT ${(server.address() as AddressInfo).port}\n`)
})
