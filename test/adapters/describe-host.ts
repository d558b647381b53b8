import type { RequestListener } from 'node:http'
import type { GuardOptions } from '@countermark/core'
import type { Outcome } from '@countermark/core/internal'
import { createGuard as createExpressGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { createTestAgent, keySourceOf, type RequestToSign, type TestAgent } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import type { Host, HostAnswer, HostRequest } from './serverless-hosts.ts'
import { createSignatureChecks } from './signature-checks.ts'

/** What an application is built from. */
export interface Guarded {
  readonly agent: TestAgent
  readonly options: GuardOptions
  /** Bodies that a handler read. */
  readonly read: string[]
}

/** Builds a guarded application of a framework. */
export type Build = (guarded: Guarded) => RequestListener

function withExpress(framework: typeof express): Build {
  return ({ agent, options, read }) => {
    const { verify, once } = createSignatureChecks(keySourceOf(agent))
    const app = framework().use(createExpressGuard(options)(verify, once))
    const json = framework.json()
    app.use((req, res, next) => ('rawBody' in req ? next() : json(req, res, next)))
    app.use((req, res) => {
      if (req.method === 'POST') read.push(textOf(req.body))
      res.json({ agent: req.agent?.id, target: req.originalUrl })
    })
    return app
  }
}

/** Some hosts leave the body as bytes where `express.json` takes the message for finished. */
function textOf(body: unknown): string {
  return Buffer.isBuffer(body) ? body.toString() : JSON.stringify(body)
}

function withKoa(Framework: typeof Koa): Build {
  return ({ agent, options, read }) => {
    const { verify, once } = createSignatureChecks(keySourceOf(agent))
    const app = new Framework().use(createKoaGuard(options)(verify, once))
    app.use(async (ctx) => {
      if (ctx.method === 'POST') read.push(Buffer.concat(await ctx.req.toArray()).toString())
      ctx.body = { agent: ctx.state.agent?.id, target: ctx.originalUrl }
    })
    return app.callback()
  }
}

/** All frameworks, Express first. */
export const FRAMEWORKS: readonly (readonly [string, Build])[] = [
  ['Express 5', withExpress(express)],
  ['Express 4', withExpress(express4)],
  ['Koa 3', withKoa(Koa)],
  ['Koa 2', withKoa(Koa2)],
]

/** A guarded application in a host, and an agent that it knows. */
export interface Hosted {
  readonly agent: TestAgent
  readonly send: (request: RequestToSign) => Promise<readonly [number, string | undefined]>
  readonly outcomes: readonly Outcome[]
  readonly read: readonly string[]
}

/** Starts a guarded application in a host. */
export async function hosted(host: Host, build: Build, options: Partial<GuardOptions> = {}): Promise<Hosted> {
  const agent = await createTestAgent({ agentId: 'agt_buyer' })
  const outcomes: Outcome[] = []
  const read: string[] = []
  const observers = [{ finished: (_decision: unknown, outcome: Outcome) => void outcomes.push(outcome) }]
  const app = build({ agent, read, options: { origins: ['api.example.com'], observers, ...options } })
  const send = async (request: RequestToSign): Promise<readonly [number, string | undefined]> => {
    const { status, text }: HostAnswer = await host(app, toHostRequest(await agent.signRequest(request)))
    return [status, /"code":"(\w+)"/.exec(text)?.[1]]
  }
  return { agent, send, outcomes, read }
}

function toHostRequest({ method, target, headers, body }: Awaited<ReturnType<TestAgent['signRequest']>>): HostRequest {
  const [path = '', query = ''] = target.split('?')
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return {
    method,
    path,
    query,
    headers: Object.fromEntries(lower),
    body: body === undefined ? undefined : Buffer.from(body).toString(),
  }
}

const JSON_TYPE = { 'Content-Type': 'application/json' }
/** A request that pays. */
export const PAY: RequestToSign = { method: 'POST', target: '/pay', headers: JSON_TYPE, body: '{"amount":4200}' }

/** What a guard promises in every host. */
export function describeHost(host: Host, build: Build, options: Partial<GuardOptions> = {}): void {
  it('lets a signed request pass, with its query', async () => {
    const { send } = await hosted(host, build, options)
    expect(await send({ target: '/orders?page=2' })).toEqual([200, undefined])
  })

  it('lets a signed body pass, and the handler reads it', async () => {
    const { send, read } = await hosted(host, build, options)
    expect([await send(PAY), read]).toEqual([[200, undefined], ['{"amount":4200}']])
  })

  it('refuses the second of two equal requests', async () => {
    const { send } = await hosted(host, build, options)
    const request: RequestToSign = { ...PAY, nonce: 'once-and-only-once', created: Math.floor(Date.now() / 1000) }
    expect([await send(request), await send(request)]).toEqual([
      [200, undefined],
      [401, 'replay_detected'],
    ])
  })

  describe('an attacker', () => {
    it('cannot swap the body', async () => {
      const { send, read } = await hosted(host, build, options)
      const tamper = { sent: { body: Buffer.from('{"amount":9900}') } }
      expect([await send({ ...PAY, tamper }), read]).toEqual([[400, 'digest_mismatch'], []])
    })

    it('cannot add a body to a request that was signed without one', async () => {
      const { send, read } = await hosted(host, build, options)
      const tamper = { sent: { body: Buffer.from('{"amount":9900}') } }
      const { body: _none, ...unsigned } = PAY
      expect([await send({ ...unsigned, tamper }), read]).toEqual([[401, 'coverage_insufficient'], []])
    })

    it('cannot present nothing', async () => {
      const { send } = await hosted(host, build, options)
      const tamper = { headerLines: () => [['host', 'api.example.com'] as const] }
      expect(await send({ tamper })).toEqual([401, 'credentials_missing'])
    })
  })
}
