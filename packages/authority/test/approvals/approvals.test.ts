import { type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { describeStores } from '../stores.ts'
import { type ApprovalWorld, asked, createApprovalWorld, createRefund, REFUND, SHOPS } from './approval-world.ts'

describeStores((createPlace) => {
  let known: ApprovalWorld

  beforeAll(async () => {
    known = await createApprovalWorld(await createPlace())
  }, 60_000)
  afterAll(() => known.close())

  const ask = (more: object = {}) => known.call('POST', '/approvals', { by: known.agent, body: asked(more) })
  const approve = (id: string, by: TestAgent = known.world.admin, body: object = {}) =>
    known.call('POST', `/approvals/${id}/approval`, { by, body })
  const reject = (id: string) =>
    known.call('POST', `/approvals/${id}/rejection`, { by: known.world.admin, body: { reason: 'too much' } })
  const find = (id: string, by = known.agent) => known.call('GET', `/approvals/${id}`, { by })
  const ticketOf = async (id: string): Promise<string> => (await find(id)).body.ticket

  describe.each(SHOPS)('a request that needs approval, on %s', (_name, createShop) => {
    let shop: StartedServer
    let refund: ReturnType<typeof createRefund>

    beforeAll(async () => {
      shop = await startServer(createShop()(known))
      refund = createRefund(shop)
    })
    afterAll(() => shop.close())

    it('is let through once when a person has approved it, and no other request is', async () => {
      const { agent: by, server, world } = known
      const refused = await refund({ by })
      const url = `${server.origin}/approvals`
      const offer = { endpoint: url, expires_at: new Date(world.clock.wallMs() + 600_000).toISOString() }
      expect(refused).toMatchObject({
        status: 403,
        body: { code: 'approval_required', approval_url: url, access_request: offer },
      })
      const { status, body } = await ask({ digest: refused.body.approval_digest })
      expect([status, body.state]).toEqual([202, 'pending'])
      expect(await approve(body.id)).toMatchObject({
        status: 200,
        body: { state: 'approved', decidedBy: 'agent:agt_admin' },
      })
      const ticket = await ticketOf(body.id)
      const code = 'approval_required'
      expect((await refund({ by, ticket, body: REFUND.replace('200', '900') })).body).toMatchObject({ code })
      expect((await refund({ by: known.other, ticket })).body).toMatchObject({ code })
      expect(await refund({ by, ticket })).toMatchObject({ status: 200 })
      expect((await refund({ by, ticket })).body).toMatchObject({ code })
    })

    it('is let through by one of a hundred uses at once', async () => {
      const { body } = await ask()
      await approve(body.id)
      const ticket = await ticketOf(body.id)
      const answers = await Promise.all(Array.from({ length: 100 }, () => refund({ by: known.agent, ticket })))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    })

    it('is left with the authority by a route that asks for it, and let through once it is approved there', async () => {
      const { agent: by, server } = known
      const path = '/filed/refunds'
      const filed = await refund({ by, path })
      expect(filed).toMatchObject({
        status: 202,
        headers: { location: filed.body.task.status_endpoint, 'retry-after': '5' },
        body: { code: 'approval_pending', retry: 'later', task: { status: 'pending' } },
      })
      const { id } = filed.body.task
      expect(filed.body.task.status_endpoint).toBe(`${server.origin}/approvals/${id}`)
      const facts = {
        door: 'shop',
        agent: by.agentId,
        amount: { value: 200, currency: 'USD' },
        digest: filed.body.approval_digest,
      }
      expect((await find(id)).body).toMatchObject({ state: 'pending', ...facts })
      expect((await refund({ by, path })).body.task.id).toBe(id)
      await approve(id)
      const ticket = await ticketOf(id)
      expect((await refund({ by, path, ticket, body: REFUND.replace('200', '201') })).body.code).toBe(
        'approval_pending',
      )
      expect(await refund({ by, path, ticket })).toMatchObject({ status: 200 })
      expect((await refund({ by, path, ticket })).body.code).toBe('approval_pending')
    })
  })

  describe('approvals', () => {
    it('are decided once, whoever asks a hundred times', async () => {
      const { body } = await ask()
      const answers = await Promise.all(Array.from({ length: 100 }, () => approve(body.id)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(answers.filter(({ body: { code } }) => code === 'state_conflict')).toHaveLength(99)
    })

    it('are left once, whoever asks a hundred times', async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, () => ask()))
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
      await reject(answers[0]?.body.id)
    })

    it('are rejected with a reason, and give no ticket', async () => {
      const { body } = await ask()
      await reject(body.id)
      const { body: found } = await find(body.id)
      expect(found).toMatchObject({ state: 'rejected', reason: 'too much' })
      expect(found.ticket).toBeUndefined()
    })

    it('are denied when nothing is decided in time', async () => {
      const { body } = await ask({ waitSeconds: 60 })
      expect((await find(body.id)).headers['retry-after']).toBe('5')
      known.world.clock.advance(60_000)
      const found = await find(body.id)
      expect([found.body.state, found.headers['retry-after']]).toEqual(['expired', undefined])
      expect(await approve(body.id)).toMatchObject({ status: 409, body: { code: 'state_conflict' } })
    })

    it('are not decided by the agent itself, and do not exist for another tenant', async () => {
      const { body } = await ask()
      const { agent, stranger, world } = known
      expect(await approve(body.id, agent)).toMatchObject({ status: 403, body: { code: 'role_missing' } })
      expect(await approve(body.id, stranger)).toMatchObject({ status: 404, body: { code: 'not_found' } })
      expect(await find(body.id, stranger)).toMatchObject({ status: 404 })
      expect((await find(body.id, world.admin)).body.ticket).toBeUndefined()
    })

    it('are asked for the very request that was refused', async () => {
      expect(await ask({ digest: 'x'.repeat(43) })).toMatchObject({ status: 422, body: { code: 'input_invalid' } })
    })

    it('are recorded without what is secret', () => {
      const { events, recorded } = known.world
      expect(events()).toEqual(expect.arrayContaining(['approval_asked', 'approval_approved', 'approval_rejected']))
      expect(recorded()).not.toContain('approval-ticket+jwt')
    })
  })
})
