import { fileIdentityStore } from '@countermark/client'
import { createTempFolder, type TempFolder } from '@countermark/testing'
import { until } from '../stop/until.ts'
import { describeStores } from '../stores.ts'
import { type AgentWorld, createAgentWorld, FRAMEWORKS, type ObservedAgent } from './agent-world.ts'

const ID = 'agt_refunds'

describeStores((createPlace) => {
  describe.each(Object.entries(FRAMEWORKS))('the life of an agent, on %s', (_name, framework) => {
    let known: AgentWorld
    let folder: TempFolder
    let agent: ObservedAgent
    let decision: 'approval' | 'rejection' = 'approval'

    beforeAll(async () => {
      known = await createAgentWorld(await createPlace(), framework)
      folder = await createTempFolder()
      const code = await known.register(ID)
      agent = known.createAgent(ID, fileIdentityStore(`${folder.path}/identity`), {
        ...{ code, tokens: { scopes: ['orders:read', 'refunds:create'] }, approvals: { waitSeconds: 600 } },
        meanwhile: decide,
      })
    }, 60_000)
    afterAll(async () => {
      await known.close()
      await folder.remove()
    })

    /** What a person does while the agent waits. */
    async function decide(): Promise<void> {
      const { call, world } = known
      const by = world.admin
      const { body } = await call('GET', '/approvals?tenant=acme&state=pending', { by })
      for (const { id } of body.items) {
        const given = decision === 'approval' ? {} : { reason: 'too much' }
        await call('POST', `/approvals/${id}/${decision}`, { by, body: given })
      }
    }

    const orders = () => agent.fetch(`${known.shop.origin}/orders`)
    const refund = (amount: number, path = '/refunds') =>
      agent.fetch(known.shop.origin + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ order: '12345', amount }),
      })
    const told = () => agent.events.splice(0).map(({ type }) => type)

    it('begins with a code: it enrols, gets a token, and calls', async () => {
      const response = await orders()
      expect([response.status, await response.json()]).toEqual([200, { agent: ID }])
      expect([told(), known.world.events()]).toMatchObject([['enrolled'], expect.arrayContaining(['token_issued'])])
    })

    it('asks a person, waits, and sends the request with the ticket', async () => {
      const response = await refund(200)
      expect([response.status, told()]).toEqual([200, ['approval_asked', 'approval_decided']])
    })

    it('asks about what a route has left with the authority', async () => {
      const response = await refund(250, '/filed/refunds')
      expect([response.status, told()]).toEqual([200, ['approval_asked', 'approval_decided']])
    })

    it('gets the refusal as the answer when the person says no', async () => {
      decision = 'rejection'
      const response = await refund(300)
      expect([response.status, await response.json()]).toMatchObject([403, { code: 'approval_required' }])
      const [, decided] = agent.events.splice(0)
      expect(decided).toMatchObject({ type: 'approval_decided', state: 'rejected', reason: 'too much' })
    })

    it('replaces its key, and is let in with the next one', async () => {
      const before = await agent.ready()
      const after = await agent.rotateKey()
      expect(after).not.toBe(before)
      expect((await orders()).status).toBe(200)
      const items = (await known.call('GET', `/agents/${ID}/keys`, { by: known.world.admin })).body.items
      const states = items.map(({ id, state }: { readonly id: string; readonly state: string }) => [id, state])
      expect(new Map(states)).toEqual(
        new Map([
          [before, 'retiring'],
          [after, 'active'],
        ]),
      )
      expect(told()).toEqual(['key_rotated'])
    })

    it('goes on after a restart with what it has kept', async () => {
      const again = known.createAgent(ID, fileIdentityStore(`${folder.path}/identity`), { tokens: {} })
      expect(await again.ready()).toBe(await agent.ready())
      expect((await again.fetch(`${known.shop.origin}/orders`)).status).toBe(200)
    })

    it('exchanges a token for one that allows less at this service (RFC 8693)', async () => {
      const subjectToken = async () => (await agent.token({ origin: known.shop.origin })).value
      const store = fileIdentityStore(`${folder.path}/identity`)
      const narrow = known.createAgent(ID, store, { tokens: { subjectToken, scopes: ['orders:read'] } })
      const { value, scopes } = await narrow.token({ origin: known.shop.origin })
      expect([value === (await subjectToken()), scopes]).toEqual([false, ['orders:read']])
      const { origin } = known.shop
      const statuses = [
        await narrow.fetch(`${origin}/orders`),
        await narrow.fetch(`${origin}/refunds`, { method: 'POST' }),
      ]
      expect(statuses.map(({ status }) => status)).toEqual([200, 403])
    })

    it('ends with a stop', async () => {
      const { call, world } = known
      const target = { kind: 'agent', agent: ID }
      await call('POST', '/stops', { by: world.admin, body: { target, reason: 'stolen' } })
      await until(async () => (await orders()).status !== 200)
      const refused = await orders()
      expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'agent_suspended' }])
      await expect(agent.rotateKey()).rejects.toMatchObject({ code: 'enrolment_refused' })
    })
  })
})
