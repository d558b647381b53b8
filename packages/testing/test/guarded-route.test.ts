import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createFakeClock, createTestAgent, keySourceOf, type TestAgent } from '@countermark/testing'
import express, { type Express } from 'express'
import request, { type Response } from 'supertest'

const clock = createFakeClock()
let agent: TestAgent
let app: Express

beforeAll(async () => {
  agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  const guard = createGuard({ origins: ['api.example.com'], clock })
  app = express()
  app.use(guard(verifySignature({ keys: keySourceOf(agent) }), preventReplay({ store: memoryReplayStore({ clock }) })))
  app.use(express.json())
  app.post('/orders', (req, res) => void res.status(201).json({ orderedBy: req.agent?.id, item: req.body.item }))
})

async function send(signed: Awaited<ReturnType<TestAgent['signRequest']>>): Promise<Response> {
  return request(app).post(signed.target).set(signed.headers).send(signed.bodyText)
}

const ORDER = {
  url: 'https://api.example.com/orders',
  headers: { 'Content-Type': 'application/json' },
  body: '{"item":"kettle"}',
}

describe('a guarded route under supertest', () => {
  it('takes a signed request once, and while it lasts', async () => {
    const signed = await agent.signRequest(ORDER)
    expect((await send(signed)).body).toEqual({ orderedBy: 'agt_buyer', item: 'kettle' })
    expect((await send(signed)).body).toMatchObject({ status: 401, code: 'replay_detected' })
    clock.advance(301_000)
    expect((await send(signed)).body).toMatchObject({ status: 401, code: 'signature_expired' })
  })

  it.each([
    ['signature_invalid', { signature: (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1) }],
    ['signature_invalid', { sent: { target: '/orders/7' } }],
    ['coverage_insufficient', { sent: { target: '/orders?admin=1' } }],
    ['digest_mismatch', { sent: { body: new TextEncoder().encode('{"item":"yacht"}') } }],
    ['signature_malformed', { signatureInput: (value: string) => value.replace('sig1=', 'sig2=') }],
  ] as const)('answers %s when the agent cheats', async (code, tamper) => {
    const response = await send(await agent.signRequest({ ...ORDER, tamper }))
    expect(response.body).toMatchObject({ code })
  })
})
