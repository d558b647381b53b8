import type { Store, StoredTables } from '../../src/index.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { type KnownAgent, ORDERS, type RunningAuthority } from '../tokens/running-authority.ts'
import { exchangeOf, startWithUsers } from '../tokens/user-issuer.ts'

type Gate = () => Promise<void>

/** A store that waits where tokens are written: before anything is looked at, or before it is committed. */
function gatedStore(store: Store, gates: { before: Gate; after: Gate }): Store {
  const stored = store.tables<unknown>()
  const transaction: StoredTables<unknown>['transaction'] = async (lock, work) => {
    if (!lock.startsWith('token-chain:')) return stored.transaction(lock, work)
    await gates.before()
    return stored.transaction(lock, async (tables) => {
      const result = await work(tables)
      await gates.after()
      return result
    })
  }
  return { ...store, tables: <Tables>() => ({ ...stored, transaction }) as unknown as StoredTables<Tables> }
}

const open: Gate = async () => undefined

describeStores((createPlace) => {
  let place: StorePlace
  let authority: Awaited<ReturnType<typeof startWithUsers>>
  let buyer: KnownAgent
  const gates = { before: open, after: open }

  beforeAll(async () => {
    place = await createPlace()
    const gated = { ...place, open: () => gatedStore(place.open(), gates) }
    authority = await startWithUsers({}, { place: gated })
    buyer = await authority.createAgent('agt_buyer')
  }, 60_000)
  afterEach(() => void Object.assign(gates, { before: open, after: open }))
  afterAll(() => authority.close())

  type Rows = Readonly<Record<'tokens' | 'refresh_tokens', { subject: string; revoked_at: number | null }>>

  const living = async ({ store }: RunningAuthority, subject: string): Promise<number> => {
    const { reads } = store.tables<Rows>()
    const rows = await Promise.all(
      (['tokens', 'refresh_tokens'] as const).map((table) => {
        const all = reads.selectFrom(table).select('subject').where('subject', '=', subject)
        return all.where('revoked_at', 'is', null).execute()
      }),
    )
    return rows.flat().length
  }
  const stop = (target: { readonly subject: string } | { readonly agentId: string }): Promise<readonly string[]> =>
    authority.tokens.revoke(target, { reason: 'stop', by: 'test' })
  const ask = async (subject: string, more: object = {}) => {
    const form = exchangeOf(await authority.userToken({ sub: subject }), { resource: ORDERS, ...more })
    return authority.post('/token', form, buyer)
  }

  it('a stop finds the token and the refresh token that are written, and not committed, when it begins', async () => {
    let stopping: Promise<readonly string[]> | undefined
    gates.after = async () => {
      stopping ??= stop({ subject: 'user_written' })
      // Time enough for a stop that does not wait.
      for (let n = 0; n < 20; n += 1) await living(authority, 'user_written')
    }
    const answer = await ask('user_written', { scope: 'orders:read offline_access' })
    const ended = await stopping
    expect([answer.status, ended?.length, await living(authority, 'user_written')]).toEqual([200, 1, 0])
  })

  it.each([
    ['the user', { subject: 'user_looked_at' }],
    ['the agent', { agentId: 'agt_buyer' }],
  ])('nothing is written for %s who was looked at before the stop', async (_who, target) => {
    gates.before = async () => void (await stop(target))
    const answer = await ask('user_looked_at')
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_grant'])
    expect(await living(authority, 'user_looked_at')).toBe(0)
  })

  it('twelve requests and a stop at once leave nothing alive that was asked for before', async () => {
    const token = await authority.userToken({ sub: 'user_many' })
    const form = exchangeOf(token, { resource: ORDERS, scope: 'orders:read offline_access' })
    const answers = Array.from({ length: 12 }, () => authority.post('/token', form, buyer))
    const [, ...rest] = await Promise.all([stop({ subject: 'user_many' }), ...answers])
    expect(rest.filter(({ status, body }) => status !== 200 && body['error'] !== 'invalid_grant')).toEqual([])
    expect(await living(authority, 'user_many')).toBe(0)
  })

  it('gives nothing for what a provider said before the stop, and something for what it says after it', async () => {
    const early = await authority.userToken({ sub: 'user_later' })
    await stop({ subject: 'user_later' })
    const exchange = async (token: string) => authority.post('/token', exchangeOf(token, { resource: ORDERS }), buyer)
    expect((await exchange(early)).body['error']).toBe('invalid_grant')
    authority.clock.advance(1000)
    expect((await exchange(early)).body['error']).toBe('invalid_grant')
    expect((await exchange(await authority.userToken({ sub: 'user_later' }))).status).toBe(200)
  })
})
