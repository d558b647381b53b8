import 'reflect-metadata'
import { writeFile } from 'node:fs/promises'
import {
  createTempFolder,
  createTestAgent,
  findFreePort,
  keySourceOf,
  rawRequest,
  type SignedRequest,
  sendRaw,
  type TempFolder,
  type TestAgent,
} from '@countermark/testing'
import fastifyExpress from '@fastify/express'
import middie from '@fastify/middie'
import { countermark } from 'countermark/express'
import Fastify from 'fastify'
import { blockUnder, readPage, runBlock } from '../support/page-blocks.ts'

let agent: TestAgent
let folder: TempFolder
let closing: (() => Promise<void>)[]

beforeEach(async () => {
  closing = []
  agent = await createTestAgent({ agentId: 'agt_first' })
  folder = await createTempFolder()
  const constraints = { max_amount: { value: 100, currency: 'USD' } }
  const capabilities = ['refunds:create']
  const keys = [{ id: agent.keyId, jwk: agent.publicJwk }]
  const agents = [{ id: 'agt_first', capabilities, constraints, keys }]
  await writeFile(`${folder.path}/agents.json`, JSON.stringify({ agents }))
})
afterEach(async () => {
  await Promise.all(closing.map((close) => close()))
  await folder.remove()
})

/** Starts the program under a heading of a page, on a port of its own. */
async function startBlock(page: string, heading: string): Promise<number> {
  const port = await findFreePort()
  const block = blockUnder(readPage(page), heading, 'import')
    .replace("'agents.json'", `'${folder.path}/agents.json'`)
    .replace('NestFactory.create(AppModule)', 'NestFactory.create(AppModule, { logger: false })')
    .replaceAll('3000', String(port))
  const app = await runBlock(`${block}\nreturn app`)
  closing.push(() => (app as { close: () => Promise<void> }).close())
  return port
}

function sign(port: number, target: string, body: string): Promise<SignedRequest> {
  const headers = { 'Content-Type': 'application/json' }
  return agent.signRequest({ scheme: 'http', authority: `localhost:${port}`, target, method: 'POST', headers, body })
}

async function send(port: number, request: SignedRequest, body = request.bodyText): Promise<readonly unknown[]> {
  const response = await sendRaw(port, rawRequest({ ...request, body: Buffer.from(body ?? '') }))
  const answer = JSON.parse(response.body.toString())
  return [response.status, answer.code ?? answer]
}

describe.each(['fastify.md', 'nestjs.md'])('the ten lines of %s', (page) => {
  it('take a signed request once, and none whose content was changed', async () => {
    const port = await startBlock(page, 'Ten lines')
    const signed = await sign(port, '/orders', '{"item":"kettle"}')
    expect(await send(port, signed, '{"item":"kettli"}')).toEqual([400, 'digest_mismatch'])
    expect(await send(port, signed)).toEqual([201, { order: { item: 'kettle' }, placedBy: 'agt_first' }])
    expect(await send(port, signed)).toEqual([401, 'replay_detected'])
    const { headerLines, ...rest } = signed
    const unsigned = { ...rest, headerLines: headerLines.filter(([name]) => !/^signature|^agent-id/i.test(name)) }
    expect(await send(port, unsigned)).toEqual([401, 'credentials_missing'])
  })

  it('hold a route against what was granted', async () => {
    const port = await startBlock(page, 'A scope for a route')
    const refund = (amount: number): Promise<SignedRequest> =>
      sign(port, '/refunds', JSON.stringify({ amount, currency: 'USD' }))
    expect(await send(port, await refund(50))).toEqual([201, { refunded: true }])
    expect(await send(port, await refund(500))).toEqual([403, 'constraint_violation'])
  })
})

describe('@fastify/middie alone', () => {
  it('lets a good request pass and answers a refused one with 500, as the page says', async () => {
    const port = await findFreePort()
    const app = Fastify()
    await app.register(middie)
    app.use(countermark({ origins: [`http://localhost:${port}`], keys: keySourceOf(agent) }) as never)
    app.post('/orders', (_request, reply) => reply.code(201).send({}))
    await app.listen({ port, host: '127.0.0.1' })
    closing.push(() => app.close())
    const signed = await sign(port, '/orders', '{}')
    expect([(await send(port, signed))[0], (await send(port, signed))[0]]).toEqual([201, 500])
  })
})

describe('hooks of Fastify', () => {
  it('see that a request was refused, but not the refusal', async () => {
    const port = await findFreePort()
    const app = Fastify()
    const seen: string[] = []
    app.addHook('onSend', async () => void seen.push('onSend'))
    app.addHook('onResponse', async () => void seen.push('onResponse'))
    await app.register(fastifyExpress)
    app.use(countermark({ origins: [`http://localhost:${port}`], keys: keySourceOf(agent) }))
    await app.listen({ port, host: '127.0.0.1' })
    closing.push(() => app.close())
    const { headerLines, ...rest } = await sign(port, '/orders', '{}')
    const unsigned = { ...rest, headerLines: headerLines.filter(([name]) => !/^signature/i.test(name)) }
    expect([(await send(port, unsigned))[0], seen]).toEqual([401, ['onResponse']])
  })
})
