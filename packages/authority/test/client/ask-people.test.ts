import { memoryIdentityStore } from '@countermark/client'
import { type StartedServer, startServer } from '@countermark/testing'
import { describeStores } from '../stores.ts'
import { type AgentWorld, createAgentWorld, FRAMEWORKS, type ObservedAgent } from './agent-world.ts'

const ID = 'agt_refunds'

interface Sent {
  readonly path?: string
  readonly signal?: AbortSignal
}

describeStores((createPlace) => {
  let known: AgentWorld
  let meanwhile: () => Promise<unknown>
  let agent: ObservedAgent

  beforeAll(async () => {
    known = await createAgentWorld(await createPlace(), FRAMEWORKS.Koa)
    agent = known.createAgent(ID, memoryIdentityStore(), {
      ...{ code: await known.register(ID), tokens: {}, approvals: { waitSeconds: 60 }, meanwhile: () => meanwhile() },
    })
  }, 60_000)
  beforeEach(() => {
    meanwhile = async () => undefined
  })
  afterAll(() => known.close())

  const refund = (amount: number, { path = '/refunds', ...more }: Sent = {}) =>
    agent.fetch(known.shop.origin + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ amount }),
      ...more,
    })
  const pending = async (): Promise<readonly { readonly id: string }[]> =>
    (await known.call('GET', '/approvals?tenant=acme&state=pending', { by: known.world.admin })).body.items
  const approveAll = async () => {
    for (const { id } of await pending())
      await known.call('POST', `/approvals/${id}/approval`, { by: known.world.admin, body: {} })
  }
  const decided = () => agent.events.splice(0).filter(({ type }) => type === 'approval_decided')

  it('waits as long as it is told to, and answers with the refusal', async () => {
    const response = await refund(1)
    expect([response.status, await response.json()]).toMatchObject([403, { code: 'approval_required' }])
    expect(decided()).toMatchObject([{ state: 'expired' }])
  })

  it('does not wait longer for what a service has left there, and answers with its place', async () => {
    const response = await refund(1, { path: '/filed/refunds' })
    expect([response.status, await response.json()]).toMatchObject([202, { code: 'approval_pending' }])
    expect(decided()).toMatchObject([{ state: 'timeout' }])
  })

  it('takes up a request that waits already', async () => {
    const controller = new AbortController()
    meanwhile = async () => controller.abort(new Error('the process ends'))
    await expect(refund(2, { signal: controller.signal })).rejects.toThrow('the process ends')
    meanwhile = approveAll
    expect((await refund(2)).status).toBe(200)
    const asked = agent.events.splice(0).filter(({ type }) => type === 'approval_asked')
    expect(asked).toEqual([asked[0], asked[0]])
  })

  it('ends with the signal of the request', async () => {
    const controller = new AbortController()
    meanwhile = async () => controller.abort(new Error('enough'))
    await expect(refund(4, { signal: controller.signal })).rejects.toThrow('enough')
  })

  it('outlasts an authority that is away', async () => {
    let isAway = false
    const id = 'agt_patient'
    const patient = known.createAgent(id, memoryIdentityStore(), {
      ...{ code: await known.register(id), tokens: {}, approvals: { waitSeconds: 60 } },
      fetch: async (input, init) => {
        if (isAway && String(input).includes('/approvals/')) throw new TypeError('the connection is refused')
        return fetch(input, init)
      },
      meanwhile: async () => {
        await approveAll()
        isAway = !isAway
      },
    })
    isAway = true
    const headers = { 'content-type': 'application/json' }
    const response = await patient.fetch(`${known.shop.origin}/refunds`, {
      method: 'POST',
      headers,
      body: '{"amount":5}',
    })
    expect(response.status).toBe(200)
  })

  describe('an attacker that is a service', () => {
    let hostile: StartedServer
    let offer: object
    let heard: string[]

    beforeAll(async () => {
      hostile = await startServer((req, res) => {
        heard.push(`${req.method} ${req.url}`)
        const document = { status: 403, code: 'approval_required', approval_digest: 'x'.repeat(43), ...offer }
        res.writeHead(403, { 'content-type': 'application/problem+json' }).end(JSON.stringify(document))
      })
    })
    beforeEach(() => {
      heard = []
    })
    afterAll(() => hostile.close())

    const visit = async (given: object) => {
      offer = given
      const id = `agt_visitor_${heard.length}_${JSON.stringify(given).length}`
      const visitor = known.createAgent(id, memoryIdentityStore(), {
        ...{ code: await known.register(id), approvals: { waitSeconds: 10 } },
        origin: hostile.origin,
      })
      const response = await visitor.fetch(`${hostile.origin}/a`, { method: 'POST', body: 'text' })
      return { status: response.status, failed: visitor.events.filter(({ type }) => type === 'approval_failed') }
    }

    it.each<[string, () => object]>([
      ['its own approver', () => ({ approval_url: `${hostile.origin}/approvals` })],
      ['a place beside the approver', () => ({ approval_url: `${known.url}/agents` })],
      [
        'a status elsewhere',
        () => ({ approval_url: `${known.url}/approvals`, task: { status_endpoint: `${hostile.origin}/approvals/a` } }),
      ],
      [
        'a status that climbs',
        () => ({
          approval_url: `${known.url}/approvals`,
          task: { status_endpoint: `${known.url}/approvals/../agents` },
        }),
      ],
    ])('cannot send the agent to %s', async (_what, given) => {
      const { status, failed } = await visit(given())
      expect([status, failed]).toMatchObject([403, [{ code: 'origin_not_allowed' }]])
      expect(heard).toEqual(['POST /a'])
    })

    it('cannot get a ticket for a request that was not sent', async () => {
      const { status, failed } = await visit({ approval_url: `${known.url}/approvals` })
      expect([status, failed]).toMatchObject([403, [{ code: 'input_invalid' }]])
    })
  })
})
