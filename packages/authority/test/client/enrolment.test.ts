import { fileIdentityStore, type IdentityStore, memoryIdentityStore } from '@countermark/client'
import { createTempFolder, type TempFolder } from '@countermark/testing'
import { describeStores } from '../stores.ts'
import { type AgentWorld, createAgentWorld, FRAMEWORKS } from './agent-world.ts'
import { cuts, failingFetch, failingStore } from './failures.ts'

const DAY_MS = 86_400_000

interface Listed {
  readonly id: string
  readonly state: string
}

describeStores((createPlace) => {
  let known: AgentWorld
  let folder: TempFolder
  let count = 0

  beforeAll(async () => {
    known = await createAgentWorld(await createPlace(), FRAMEWORKS.Express)
    folder = await createTempFolder()
  }, 60_000)
  afterAll(async () => {
    await known.close()
    await folder.remove()
  })

  const createId = (): string => {
    count += 1
    return `agt_${count}`
  }
  const listed = async (id: string): Promise<readonly Listed[]> =>
    (await known.call('GET', `/agents/${id}/keys`, { by: known.world.admin })).body.items
  const statesOf = async (id: string) => (await listed(id)).map(({ state }) => state).sort()

  /** An agent that is enrolled, and its store. */
  async function enrolled(): Promise<{ readonly id: string; readonly store: IdentityStore }> {
    const [id, store] = [createId(), memoryIdentityStore()]
    await known.createAgent(id, store, { code: await known.register(id) }).ready()
    return { id, store }
  }

  describe('enrolment', () => {
    it.each(cuts({ requests: 2, writes: 2 }))('loses nothing when a process dies: $what', async (cut) => {
      const [id, store] = [createId(), memoryIdentityStore()]
      const code = await known.register(id)
      const dying = known.createAgent(id, failingStore(store, cut), { code, fetch: failingFetch(cut) })
      await expect(dying.ready()).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:authority_unavailable|died)$/),
      })
      const keyId = await known.createAgent(id, store, { code }).ready()
      expect(await listed(id)).toMatchObject([{ id: keyId, state: 'active' }])
    })

    it('of ten processes with one store and one code registers one key', async () => {
      const id = createId()
      const code = await known.register(id)
      const start = () => known.createAgent(id, fileIdentityStore(`${folder.path}/${id}`), { code }).ready()
      const keyIds = await Promise.all(Array.from({ length: 10 }, start))
      expect([new Set(keyIds).size, await listed(id)]).toMatchObject([1, [{ id: keyIds[0], state: 'active' }]])
    })

    it('without a code waits until an owner approves the key', async () => {
      const id = createId()
      await known.register(id)
      const approve = async () => {
        const [key] = await listed(id)
        await known.call('POST', `/agents/${id}/keys/${key?.id}/approval`, { by: known.world.admin })
      }
      const agent = known.createAgent(id, memoryIdentityStore(), { meanwhile: approve })
      const keyId = await agent.ready()
      expect(agent.events).toEqual([
        { type: 'enrolment_waiting', keyId },
        { type: 'enrolled', keyId },
      ])
    })

    it('that nobody approves in time goes on with the same key later', async () => {
      const [id, store] = [createId(), memoryIdentityStore()]
      await known.register(id)
      const agent = known.createAgent(id, store, { enrolmentSeconds: 30 })
      await expect(agent.ready()).rejects.toMatchObject({ code: 'enrolment_refused' })
      const [key] = await listed(id)
      await known.call('POST', `/agents/${id}/keys/${key?.id}/approval`, { by: known.world.admin })
      expect(await agent.ready()).toBe(key?.id)
    })

    it('is refused with a code that was used, and with the store of another agent', async () => {
      const { store } = await enrolled()
      const [first, second] = [createId(), createId()]
      const code = await known.register(first)
      await known.createAgent(first, memoryIdentityStore(), { code }).ready()
      const used = known.createAgent(first, memoryIdentityStore(), { code })
      await expect(used.ready()).rejects.toMatchObject({ code: 'enrolment_refused' })
      const other = known.createAgent(second, store, { code: await known.register(second) })
      await expect(other.ready()).rejects.toMatchObject({ code: 'identity_unusable' })
      expect(await statesOf(first)).toEqual(['active'])
    })
  })

  describe('rotation', () => {
    it.each(cuts({ requests: 3, writes: 2 }))('loses nothing when a process dies: $what', async (cut) => {
      const { id, store } = await enrolled()
      const dying = known.createAgent(id, failingStore(store, cut), { fetch: failingFetch(cut) })
      await expect(dying.rotateKey()).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:authority_unavailable|died)$/),
      })
      const again = known.createAgent(id, store)
      await again.checkKey()
      const keyId = await again.ready()
      const states = await statesOf(id)
      // A process that dies before it keeps the next key has not begun.
      expect(states).toEqual(cut.isBeforeAnything ? ['active'] : ['active', 'retiring'])
      expect((await listed(id)).find(({ state }) => state === 'active')?.id).toBe(keyId)
      expect((await again.fetch(`${known.shop.origin}/orders`)).status).toBe(401)
    })

    it('by ten processes with one identity brings one key', async () => {
      const id = createId()
      const code = await known.register(id)
      const start = () => known.createAgent(id, fileIdentityStore(`${folder.path}/${id}`), { code })
      const agents = Array.from({ length: 10 }, start)
      await Promise.all(agents.map((agent) => agent.ready()))
      const keyIds = await Promise.all(agents.map((agent) => agent.rotateKey()))
      expect([new Set(keyIds).size, await statesOf(id)]).toEqual([1, ['active', 'retiring']])
      expect(agents.flatMap(({ events }) => events).filter(({ type }) => type === 'key_rotated')).toHaveLength(1)
    })

    it('comes by age: a warning first, then the next key, before the old one is refused', async () => {
      const { id, store } = await enrolled()
      const agent = known.createAgent(id, store)
      const keyId = await agent.ready()
      known.world.clock.advance(61 * DAY_MS)
      await agent.checkKey()
      expect(agent.events.splice(0)).toMatchObject([{ type: 'key_warning', keyId, notAfter: expect.any(Number) }])
      known.world.clock.advance(15 * DAY_MS)
      await agent.checkKey()
      expect(agent.events).toMatchObject([{ type: 'key_rotated', before: keyId, reason: 'ending' }])
    })

    it('comes by schedule, and by a date that an operator sets', async () => {
      const { id, store } = await enrolled()
      const agent = known.createAgent(id, store, { rotateAfterDays: 7 })
      await agent.checkKey()
      expect(agent.events).toEqual([])
      known.world.clock.advance(7 * DAY_MS)
      await agent.checkKey()
      expect(agent.events.splice(0)).toMatchObject([{ type: 'key_rotated', reason: 'schedule' }])
      const by = known.world.clock.wallMs() + 3_600_000
      await known.call('POST', `/agents/${id}/rotation`, { by: known.world.admin, body: { by } })
      await agent.checkKey()
      expect(agent.events).toMatchObject([{ type: 'key_rotated', reason: 'ending' }])
    })

    it('of an agent that was idle for long comes before its next request', async () => {
      const { id, store } = await enrolled()
      const agent = known.createAgent(id, store, { tokens: {} })
      await agent.ready()
      known.world.clock.advance(76 * DAY_MS)
      expect((await agent.fetch(`${known.shop.origin}/orders`)).status).toBe(200)
      expect(agent.events).toMatchObject([{ type: 'key_rotated' }])
    })

    it('by another process is seen before the key has ended', async () => {
      const { id, store } = await enrolled()
      const [idle, busy] = [known.createAgent(id, store, { tokens: {} }), known.createAgent(id, store)]
      await idle.fetch(`${known.shop.origin}/orders`)
      const keyId = await busy.rotateKey()
      known.world.clock.advance(3 * DAY_MS)
      expect((await idle.fetch(`${known.shop.origin}/orders`)).status).toBe(200)
      expect(await idle.ready()).toBe(keyId)
    })

    it('of an agent that is suspended makes no key', async () => {
      const { id, store } = await enrolled()
      const agent = known.createAgent(id, store)
      await known.call('POST', `/agents/${id}/suspension`, { by: known.world.admin, body: { reason: 'odd' } })
      await expect(agent.checkKey()).rejects.toMatchObject({ code: 'enrolment_refused' })
      expect((await store.read())?.identity.next).toBeUndefined()
    })
  })
})
