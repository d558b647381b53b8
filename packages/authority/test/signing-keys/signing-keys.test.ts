import { createPublicKey, verify } from 'node:crypto'
import { createFakeClock } from '@countermark/testing'
import { createSealAtRest, migrateDown, migrateUp, type Store, storedSigningKeys } from '../../src/index.ts'
import { SIGNING_KEY_MIGRATIONS, type SigningKeyTables } from '../../src/signing-keys/signing-key-tables.ts'
import { describeStores, type StorePlace } from '../stores.ts'

const [OLD, NEW] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'))
const DATA = Buffer.from('header.payload')

describeStores((createPlace) => {
  let place: StorePlace
  let store: Store

  beforeAll(async () => {
    place = await createPlace()
    store = place.open()
  })
  afterAll(async () => {
    await store.close()
    await place.remove()
  })
  beforeEach(() => migrateUp(store, SIGNING_KEY_MIGRATIONS, 0))
  afterEach(() => migrateDown(store, SIGNING_KEY_MIGRATIONS))

  const create = (more: object = {}) => {
    const clock = createFakeClock()
    const seal = createSealAtRest({ v1: String(OLD) })
    return {
      clock,
      keys: storedSigningKeys({ store, clock, seal, leadSeconds: 60, longestTokenSeconds: 600, ...more }),
    }
  }
  const idsOf = (keys: readonly { readonly kid: string }[]): readonly string[] => keys.map(({ kid }) => kid)

  it.each(['EdDSA', 'ES256'] as const)('signs with %s, and publishes what verifies', async (algorithm) => {
    const { keys } = create({ algorithm })
    const { kid, sign } = await keys.findSigner()
    const [jwk] = await keys.listPublicKeys()
    expect(jwk).toMatchObject({ kid, alg: algorithm, use: 'sig' })
    expect(jwk).not.toHaveProperty('d')
    const key = createPublicKey({ format: 'jwk', key: { ...jwk } })
    const digest = algorithm === 'EdDSA' ? null : 'sha256'
    expect(verify(digest, DATA, { key, dsaEncoding: 'ieee-p1363' }, await sign(DATA))).toBe(true)
  })

  it('makes one first key, when processes start together', async () => {
    const others = [1, 2, 3].map(() => create().keys)
    const signers = await Promise.all(others.map((keys) => keys.findSigner()))
    expect(new Set(idsOf(signers)).size).toBe(1)
  })

  it('publishes a key before it signs, and keeps the old one past its longest token', async () => {
    const { keys, clock } = create()
    const { kid: first } = await keys.findSigner()
    const second = await keys.rotate()
    expect(idsOf(await keys.listPublicKeys())).toEqual([first, second])
    expect((await keys.findSigner()).kid).toBe(first)
    clock.advance(60_000)
    expect((await keys.findSigner()).kid).toBe(second)
    clock.advance(599_000)
    expect(idsOf(await keys.listPublicKeys())).toEqual([first, second])
    clock.advance(1000)
    expect(idsOf(await keys.listPublicKeys())).toEqual([second])
  })

  it('keeps no private key in clear, and seals again under a new version', async () => {
    const { keys, clock } = create()
    const { kid } = await keys.findSigner()
    const both = createSealAtRest({ v2: String(NEW), v1: String(OLD) })
    await storedSigningKeys({ store, clock, seal: both }).reseal()
    const seal = createSealAtRest({ v2: String(NEW) })
    expect((await storedSigningKeys({ store, clock, seal }).findSigner()).kid).toBe(kid)
    const rows = await store.tables<SigningKeyTables>().reads.selectFrom('signing_keys').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain('"d"')
    expect(rows.map(({ sealed }) => sealed.slice(0, 3))).toEqual(['v2.'])
  })
})
