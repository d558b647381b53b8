import { createPublicKey, verify } from 'node:crypto'
import { createFakeClock } from '@countermark/testing'
import {
  createSealAtRest,
  migrateDown,
  migrateUp,
  type Store,
  type StoredSigningKeys,
  storedSigningKeys,
} from '../../src/index.ts'
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

  it('is followed by the next one when it is old enough, once in all processes, before it ends', async () => {
    const { keys, clock } = create({ rotateAfterDays: 90 })
    const seal = createSealAtRest({ v1: String(OLD) })
    const other = storedSigningKeys({ store, clock, seal, leadSeconds: 60, rotateAfterDays: 90 })
    const first = await keys.findSigner()
    clock.advance(90 * 86_400_000 - 1)
    expect(idsOf(await keys.listPublicKeys())).toEqual([first.kid])
    clock.advance(1)
    await Promise.all([keys.findSigner(), other.findSigner(), keys.findSigner()])
    const published = await untilPublished(keys, 2)
    expect([published.length, (await keys.findSigner()).kid]).toEqual([2, first.kid])
    clock.advance(60_000)
    expect((await keys.findSigner()).kid).toBe(published[1]?.kid)
  })

  it('stays until it is rotated by hand, unless it is said how old it becomes', async () => {
    const { keys, clock } = create()
    const first = await keys.findSigner()
    clock.advance(10 * 365 * 86_400_000)
    expect(idsOf([await keys.findSigner(), ...(await keys.listPublicKeys())])).toEqual([first.kid, first.kid])
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

/** A rotation that is due happens behind the one who asks. */
async function untilPublished(
  { listPublicKeys }: Pick<StoredSigningKeys, 'listPublicKeys'>,
  count: number,
): ReturnType<StoredSigningKeys['listPublicKeys']> {
  let keys = await listPublicKeys()
  for (let n = 0; n < 100 && keys.length < count; n += 1) keys = await listPublicKeys()
  return keys
}
