import { readFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import type { Check, GuardOptions } from '@countermark/core'
import { createGuard as expressGuard } from '@countermark/express'
import { createGuard as koaGuard } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { httpSignatures, simpleHeaders, verifySignature } from '@countermark/signature'
import {
  agentKeyOf,
  createTempFolder,
  createTestAgent,
  keySourceOf,
  type RawResponse,
  type RequestToSign,
  rawRequest,
  sendRaw,
  startServer,
  type TestAgent,
} from '@countermark/testing'
import Router from '@koa/router'
import express, { type Express } from 'express'
import Koa from 'koa'
import { type AuditTrail, type AuditTrailOptions, auditTrail, fileSink } from '../src/index.ts'
import type { SealedMembers } from '../src/record/chain.ts'

/** What applications under test run on. */
export const FRAMEWORKS = ['express', 'koa'] as const

/** How an application under test is built. */
export interface AuditedAppInput {
  readonly framework?: (typeof FRAMEWORKS)[number]
  readonly trail?: Partial<AuditTrailOptions>
  readonly guard?: Partial<GuardOptions>
  /** The handler never answers. @default false */
  readonly hang?: boolean
  /** @default signature and replay */
  readonly checks?: (agent: TestAgent) => readonly Check[]
}

/** A running application whose decisions go into a file. */
export interface AuditedApp {
  readonly port: number
  readonly path: string
  readonly agent: TestAgent
  readonly trail: AuditTrail
  readonly send: (request: RequestToSign) => Promise<RawResponse>
  readonly sendRaw: (text: string) => Promise<RawResponse>
  /** Once the handler has run for the first time. */
  readonly handled: Promise<void>
  /** Once a request is over. */
  readonly finished: Promise<void>
  /** Flushes and reads everything back. */
  readonly records: () => Promise<readonly SealedMembers[]>
  readonly close: () => Promise<void>
}

/** Starts an application with a guard in front of `/orders/:id`, and a trail in a folder of its own. */
export async function startAuditedApp(input: AuditedAppInput = {}): Promise<AuditedApp> {
  const { framework = 'express', checks = signedOnce } = input
  const folder = await createTempFolder()
  const path = join(folder.path, 'audit.ndjson')
  const trail = auditTrail({ sinks: [fileSink({ path })], flushMs: 0, deadlineMs: 20_000, ...input.trail })
  const agent = await createTestAgent({ agentId: 'agt_buyer' })
  const [handled, handle] = milestone()
  const [finished, finish] = milestone()
  const observers = [{ finished: finish }]
  const app = { hang: input.hang ?? false, handle }
  const options: GuardOptions = { origins: ['api.example.com'], recorder: trail, observers, ...input.guard }
  const listener = framework === 'express' ? onExpress(options, checks(agent), app) : onKoa(options, checks(agent), app)
  const server = await startServer(listener)
  return {
    port: server.port,
    path,
    agent,
    trail,
    handled,
    finished,
    send: async (request) => sendRaw(server.port, rawRequest(await agent.signRequest(request))),
    sendRaw: (text) => sendRaw(server.port, text),
    records: async () => {
      await trail.flush()
      return readRecords(path)
    },
    close: async () => {
      await server.close()
      await trail.close().catch(() => undefined)
      await folder.remove()
    },
  }
}

/** The records of a file, one a line. */
export async function readRecords(path: string): Promise<readonly SealedMembers[]> {
  const text = await readFile(path, 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** Every form of signature, each request once. */
export function signedOnce(agent: TestAgent): readonly Check[] {
  const accept = [
    httpSignatures(),
    simpleHeaders({ version: 1 }),
    simpleHeaders({ version: 0, routes: ['POST /orders/7'] }),
  ]
  return [
    verifySignature({ keys: keySourceOf(agent, agentKeyOf(agent, { keyId: 'v0', schemes: ['simple-v0'] })), accept }),
    preventReplay({ store: memoryReplayStore({ allowSingleProcess: true }) }) as unknown as Check,
  ]
}

function milestone(): [reached: Promise<void>, reach: () => void] {
  let reach = (): void => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  return [reached, reach]
}

interface Handling {
  readonly hang: boolean
  readonly handle: () => void
}

type Compose<Handler> = (...checks: readonly Check[]) => Handler

function onExpress(options: GuardOptions, checks: readonly Check[], { hang, handle }: Handling): RequestListener {
  const guard: Compose<express.RequestHandler> = expressGuard(options) as Compose<express.RequestHandler>
  const app: Express = express()
  app.all('/orders/:id', guard(...checks), (_req, res) => {
    handle()
    if (!hang) res.status(201).json({ done: true })
  })
  return app
}

function onKoa(options: GuardOptions, checks: readonly Check[], { hang, handle }: Handling): RequestListener {
  const guard: Compose<Koa.Middleware> = koaGuard(options) as Compose<Koa.Middleware>
  const router = new Router()
  router.all('/orders/:id', guard(...checks), async (ctx: Koa.Context) => {
    handle()
    if (hang) await new Promise(() => {})
    ctx.status = 201
    ctx.body = { done: true }
  })
  const app = new Koa()
  app.silent = true
  return app.use(router.routes()).callback()
}
