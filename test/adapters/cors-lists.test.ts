import { createGuard as createExpressGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { createTestAgent, keySourceOf, type StartedServer, startServer } from '@countermark/testing'
import koaCors from '@koa/cors'
import cors from 'cors'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { createSignatureChecks } from './signature-checks.ts'

const OPTIONS = { origins: () => [running.origin] }
const ORIGIN = 'https://app.example'

let running: StartedServer

afterEach(() => running.close())

async function checks(): Promise<ReturnType<typeof createSignatureChecks>> {
  return createSignatureChecks(keySourceOf(await createTestAgent({ agentId: 'agt_buyer' })))
}

/** The list of fields that scripts may read, in small letters. */
async function exposed(): Promise<readonly string[]> {
  const answer = await fetch(running.origin, { headers: { origin: ORIGIN } })
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, ORIGIN])
  return (answer.headers.get('access-control-expose-headers') ?? '').toLowerCase().split(/\s*,\s*/)
}

describe.each([
  ['Express 4', express4],
  ['Express 5', express],
])('%s behind cors', (_name, framework) => {
  it.each(['problem', 'next'] as const)(
    'joins what scripts may read with its own list, respond: %s',
    async (respond) => {
      const { verify, once } = await checks()
      const app = framework().use(cors({ origin: ORIGIN, exposedHeaders: ['X-Mine', 'Retry-After'] }))
      running = await startServer(app.use(createExpressGuard({ ...OPTIONS, respond })(verify, once)))
      const list = await exposed()
      expect(list).toEqual(expect.arrayContaining(['x-mine', 'www-authenticate', 'accept-signature']))
      expect(new Set(list).size).toBe(list.length)
    },
  )
})

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa],
])('%s behind @koa/cors', (_name, Framework) => {
  it.each(['problem', 'throw'] as const)(
    'joins what scripts may read with its own list, respond: %s',
    async (respond) => {
      const { verify, once } = await checks()
      const app = new Framework().use(koaCors({ origin: ORIGIN, exposeHeaders: ['X-Mine', 'Retry-After'] }))
      app.silent = true
      running = await startServer(app.use(createKoaGuard({ ...OPTIONS, respond })(verify, once)).callback())
      const list = await exposed()
      expect(list).toEqual(expect.arrayContaining(['x-mine', 'www-authenticate', 'accept-signature']))
      expect(new Set(list).size).toBe(list.length)
    },
  )
})
