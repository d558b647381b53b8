import { coversScope } from '@countermark/capability'
import { type StartedServer, startServer } from '@countermark/testing'
import fc from 'fast-check'
import { createCaller, createWorld, type World } from './authority-world.ts'
import { type StorePlace, sqlitePlace } from './stores.ts'

const PEOPLE = ['jane', 'tom', 'ann']
const AGENTS = ['agt_a', 'agt_b', 'agt_c']
const scopes = fc.uniqueArray(
  fc.constantFrom('orders:read', 'orders:write', 'orders:*', 'dns:read', 'dns:*', '*:read', '*:*'),
  {
    maxLength: 4,
  },
)
const owners = fc.uniqueArray(fc.constantFrom(...PEOPLE), { minLength: 1, maxLength: 2 })
const person = fc.constantFrom(...PEOPLE)
const agent = fc.constantFrom(...AGENTS)

/** One call of a caller who may do everything, and tries. */
const step = fc.oneof(
  fc.record({ do: fc.constant('create' as const), agent, owners, scopes, template: fc.boolean() }),
  fc.record({ do: fc.constant('change' as const), agent, owners: fc.option(owners), scopes: fc.option(scopes) }),
  fc.record({ do: fc.constant('cut' as const), person, scopes }),
  fc.record({ do: fc.constant('leave' as const), person }),
  fc.record({ do: fc.constant('template' as const), scopes }),
  fc.record({ do: fc.constant('retire' as const), agent, replacement: agent }),
  fc.record({ do: fc.constant('resume' as const), agent }),
)

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

describe('no sequence of calls', () => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let tenants = 0

  beforeAll(async () => {
    place = await sqlitePlace()
    world = await createWorld(place.open())
    server = await startServer((req, res) => void world.authority.handle(req, res))
  })
  afterAll(async () => {
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  it('widens an agent beyond the ceiling of any of its owners', async () => {
    const ran = { created: 0, changed: 0, retired: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 14 }), async (steps) => {
        const tenant = `t${++tenants}`
        const run = await begin(tenant)
        for (const each of steps) {
          const status = await run.take(each)
          expect(status).toBeLessThan(500)
          if (status < 300 && each.do === 'create') ran.created++
          if (status < 300 && each.do === 'change') ran.changed++
          if (status < 300 && each.do === 'retire') ran.retired++
          await run.check()
        }
      }),
      { numRuns: 20 },
    )
    // The search is worth nothing where everything is refused.
    expect(Math.min(ran.created, ran.changed, ran.retired)).toBeGreaterThan(0)
  }, 60_000)

  async function begin(tenant: string) {
    const call = createCaller(server.port)
    const by = world.admin
    const people = `/tenants/${tenant}/people`
    const idOf = (name: string): string => `${name}_${tenant}`
    await call('POST', '/tenants', { by, body: { id: tenant, name: tenant } })
    for (const id of PEOPLE) await call('POST', people, { by, body: { id, name: id, ceiling: ['orders:*', '*:read'] } })

    for (const id of AGENTS.slice(0, 2)) {
      const body = { tenant, id: idOf(id), name: 'A', purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
      await call('POST', '/agents', { by, body })
    }

    const matching = async (path: string): Promise<Readonly<Record<string, string>>> => {
      const { headers } = await call('GET', path, { by })
      return { 'if-match': String(headers['etag'] ?? '"r0"') }
    }
    const take = async (each: Step): Promise<number> => {
      switch (each.do) {
        case 'create': {
          const given = each.template ? { template: 'usual' } : { ceiling: each.scopes }
          const body = { tenant, id: idOf(each.agent), name: 'A', purpose: 'p', owners: each.owners, ...given }
          return (await call('POST', '/agents', { by, body })).status
        }
        case 'change': {
          const path = `/agents/${idOf(each.agent)}`
          const body = { ...(each.owners && { owners: each.owners }), ...(each.scopes && { ceiling: each.scopes }) }
          return (await call('PATCH', path, { by, body, headers: await matching(path) })).status
        }
        case 'cut': {
          const path = `${people}/${each.person}`
          return (await call('PATCH', path, { by, body: { ceiling: each.scopes }, headers: await matching(path) }))
            .status
        }
        case 'leave':
          return (await call('POST', `${people}/${each.person}/departure`, { by })).status
        case 'template':
          return (await call('PUT', `/tenants/${tenant}/templates/usual`, { by, body: { ceiling: each.scopes } }))
            .status
        case 'retire': {
          const path = `/agents/${idOf(each.agent)}/retirement`
          await call('POST', path, { by, body: { reason: 'r', replacement: idOf(each.replacement) } })
          return (await call('POST', `${path}/approval`, { by: world.second })).status
        }
        case 'resume':
          return (await call('DELETE', `/agents/${idOf(each.agent)}/suspension`, { by })).status
      }
    }
    const check = async (): Promise<void> => {
      const { body } = await call('GET', people, { by })
      const ceilings = new Map<string, readonly string[]>(
        body.items.map((one: { id: string; state: string; ceiling: string[] }) => [
          one.id,
          one.state === 'left' ? [] : one.ceiling,
        ]),
      )
      const { body: list } = await call('GET', `/agents?tenant=${tenant}`, { by })
      const wider: string[] = []
      for (const { id, owners: answering } of list.items) {
        // What doors read, not what the API says.
        const { body: served } = await call('GET', `/registry/${id}`)
        const isWithin = (capability: string): boolean =>
          answering.length > 0 &&
          answering.every((owner: string) => ceilings.get(owner)?.some((granted) => coversScope(granted, capability)))
        wider.push(...served.capabilities.filter((capability: string) => !isWithin(capability)))
      }
      expect(wider).toEqual([])
    }
    return { take, check }
  }
})
