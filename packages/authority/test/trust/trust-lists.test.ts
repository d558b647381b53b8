import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type StartedServer, startServer } from '@countermark/testing'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { createTestIssuer, type Members, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import type { Answered } from '../authority-world.ts'
import { describeStores, type StorePlace, sqlitePlace } from '../stores.ts'
import type { KnownAgent } from '../tokens/running-authority.ts'
import { SERVICE, startTrustWorld, type TrustWorld } from '../trust-world.ts'

const PARTNER = 'https://login.partner.example'
const OTHER = 'https://login.other.example'
const PUBLISHER = 'https://publisher.example'
const TYPE = 'countermark-trust-list+jwt'
const DAY = 86_400

interface ListKey {
  readonly jwk: JWK
  readonly thumbprint: string
  readonly privateKey: KeyObject
}

async function createListKey(): Promise<ListKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const jwk = publicKey.export({ format: 'jwk' })
  return { jwk, thumbprint: await calculateJwkThumbprint(jwk), privateKey }
}

function signList({ jwk, privateKey }: ListKey, claims: object, header: object = {}): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode({ alg: 'EdDSA', typ: TYPE, jwk, ...header })}.${encode(claims)}`
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
}

describeStores((createPlace) => {
  let places: readonly [StorePlace, StorePlace]
  let trust: TrustWorld
  let publisher: TrustWorld
  let partner: TestIssuer
  let buyer: KnownAgent
  let stranger: KnownAgent
  let server: StartedServer
  let key: ListKey
  let served: { status: number; text: string; type: string }
  let number = 0

  beforeAll(async () => {
    places = [await createPlace(), await sqlitePlace()]
    const [one, other] = places
    partner = await createTestIssuer('EdDSA', PARTNER)
    key = await createListKey()
    server = await startServer((_req, res) => {
      res.writeHead(served.status, { 'content-type': served.type }).end(served.text)
    })
    trust = await startTrustWorld(one.open(), { organisationHttp: LOOPBACK })
    publisher = await startTrustWorld(other.open())
    buyer = await trust.enrol('agt_buyer', 'acme')
    stranger = await trust.enrol('agt_stranger', 'globex')
  }, 60_000)
  beforeEach(() => publish([entry()]))
  afterEach(async () => {
    for (const { id } of (await manage('GET', '')).body.items) await manage('DELETE', `/${id}`)
    for (const { id } of (await organisations()).body.items) await call('DELETE', `/tenants/acme/organisations/${id}`)
    trust.world.clock.advance(2000)
  })
  afterAll(async () => {
    await Promise.all([trust.close(), publisher.close(), server.close()])
    await Promise.all(places.map(({ remove }) => remove()))
  })

  const call = (method: string, path: string, body?: object): Promise<Answered> =>
    trust.call(method, path, { by: trust.world.admin, ...(body === undefined ? {} : { body }) })
  const manage = (method: string, path: string, body?: object): Promise<Answered> =>
    call(method, `/tenants/acme/trust-lists${path}`, body)
  const organisations = (): Promise<Answered> => call('GET', '/tenants/acme/organisations')
  const entry = (more: object = {}): object => ({
    ...{ issuer: PARTNER, name: 'Partner', keys: { jwks: { keys: partner.jwks.keys } }, ceiling: ['orders:read'] },
    ...more,
  })
  const claimsOf = (entries: readonly object[], more: object = {}): object => {
    const iat = trust.world.clock.seconds()
    number += 1
    return { iss: PUBLISHER, iat, exp: iat + DAY, number, keys: [key.thumbprint], entries, ...more }
  }
  const serve = (text: string): void => {
    served = { status: 200, text, type: `application/${TYPE}` }
  }
  const publish = (entries: readonly object[], more: object = {}, by = key): void =>
    serve(signList(by, claimsOf(entries, more)))
  const imported = (more: object = {}): Promise<Answered> =>
    manage('POST', '', {
      ...{ url: `${server.origin}/trust-list`, issuer: PUBLISHER, keys: [key.thumbprint], ceiling: ['orders:read'] },
      ...{ mayAct: 'any-agent', ...more },
    })
  const refresh = async () => {
    await trust.world.authority.refreshTrustLists()
    return (await manage('GET', '')).body.items[0]
  }
  const later = (seconds: number) => {
    trust.world.clock.advance(seconds * 1000)
    return refresh()
  }
  const mint = (claims: Members = {}): Promise<string> => {
    const now = trust.world.clock.seconds()
    const usual = { sub: 'mary', aud: trust.issuer, act: undefined, client_id: undefined, iat: now, exp: now + 300 }
    return partner.mint({ ...usual, scope: 'orders:read orders:write', jti: `jti_${Math.random()}`, ...claims })
  }
  const outcome = async (by: KnownAgent = buyer): Promise<unknown> => {
    const { status, body } = await trust.exchange(by, await mint())
    return status === 200 ? body['scope'] : status
  }
  const issuers = async (): Promise<readonly string[]> =>
    (await organisations()).body.items.map(({ issuer }: { readonly issuer: string }) => issuer)

  describe('a signed list of another authority', () => {
    it('brings organisations to the tenant that imports it, within its ceiling, and to no other tenant', async () => {
      publish([entry({ ceiling: ['orders:*'], securityEvents: 'https://partner.example/events' })])
      expect((await imported()).status).toBe(201)
      const notes = [{ issuer: PARTNER, outcome: 'narrowed', why: 'ceiling' }]
      expect(await refresh()).toMatchObject({ entries: 1, number, notes })
      expect([await outcome(), await outcome(stranger)]).toEqual(['orders:read', 400])
      const { items } = (await organisations()).body
      expect(items).toMatchObject([{ ceiling: ['orders:read'], securityEvents: 'https://partner.example/events' }])
      expect(trust.world.events()).toEqual(expect.arrayContaining(['trust_list_imported', 'trust_list_taken']))
    })

    it('is taken from an authority that publishes it, whose next key is followed', async () => {
      const by = publisher.world.admin
      const body = { entries: [entry()], lifetimeHours: 24 }
      expect(await publisher.call('GET', '/trust-list')).toMatchObject({ status: 404, body: { code: 'not_found' } })
      expect(await publisher.call('PUT', '/trust-list', { by, body })).toMatchObject({ body: { number: 1 } })
      const [own] = await publisher.world.authority.signingKeys.listPublicKeys()
      const keys = [await calculateJwkThumbprint({ ...own })]
      await imported({ url: `${publisher.issuer}/trust-list`, issuer: publisher.issuer, keys })
      expect(await refresh()).toMatchObject({ entries: 1, number: 1 })
      await publisher.world.authority.signingKeys.rotate()
      const both = [trust, publisher]
      for (const { world } of both) world.clock.advance(1_800_000)
      expect((await refresh()).keys).toHaveLength(2)
      for (const { world } of both) world.clock.advance(5_400_000)
      await publisher.call('PUT', '/trust-list', { by, body: { entries: [] } })
      const after = await refresh()
      expect([after.failure, after.number, after.entries]).toEqual([undefined, 2, 0])
    })

    it('ends what agents do on the word of an entry that it has no longer', async () => {
      await imported()
      await refresh()
      const { body } = await trust.exchange(buyer, await mint(), { scope: 'orders:read offline_access' })
      publish([entry({ issuer: OTHER })])
      expect(await later(900)).toMatchObject({ entries: 1 })
      const { active } = (await trust.post('/introspect', { token: body['access_token'] }, buyer)).body
      const refreshed = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] }
      const { status } = await trust.post('/token', refreshed, buyer)
      expect([active, status, await outcome(), await issuers()]).toEqual([false, 400, 400, [OTHER]])
    })

    it('leaves what has not changed alone, and begins anew what has', async () => {
      await imported()
      await refresh()
      const [{ id }] = (await organisations()).body.items
      publish([entry({ name: 'Renamed' })])
      await later(900)
      const [renamed] = (await organisations()).body.items
      publish([entry({ resources: [SERVICE] })])
      await later(900)
      const [changed] = (await organisations()).body.items
      expect([renamed.id, renamed.name, changed.id === id]).toEqual([id, 'Renamed', false])
    })

    it('counts until it expires when its publisher is gone, and then ends', async () => {
      await imported()
      await refresh()
      served = { status: 503, text: '', type: 'text/plain' }
      expect(await later(900)).toMatchObject({ failure: 'unreachable', entries: 1 })
      expect(await outcome()).toBe('orders:read')
      trust.world.clock.advance(DAY * 1000)
      // Before anything has looked at it.
      expect(await outcome()).toBe(400)
      expect(await refresh()).toMatchObject({ failure: 'unreachable', entries: 0 })
      expect([await issuers(), trust.world.events()]).toEqual([[], expect.arrayContaining(['trust_list_ended'])])
      publish([entry()])
      expect(await later(60)).toMatchObject({ entries: 1 })
      expect(await outcome()).toBe('orders:read')
    })

    it('ends with its import', async () => {
      const { body } = await imported()
      await refresh()
      await trust.exchange(buyer, await mint())
      expect((await manage('DELETE', `/${body.id}`)).body).toMatchObject({ tokens: 1 })
      expect([await issuers(), await outcome()]).toEqual([[], 400])
    })
  })

  describe('an attacker', () => {
    it.each<readonly [string, string, () => Promise<string> | string]>([
      ['signed by another key', 'key_not_pinned', async () => signList(await createListKey(), claimsOf([entry()]))],
      [
        'that names the pinned key and is signed by another one',
        'signature_invalid',
        async () => signList({ ...(await createListKey()), jwk: key.jwk }, claimsOf([entry()])),
      ],
      ['without a key', 'key_not_pinned', () => signList(key, claimsOf([entry()]), { jwk: undefined })],
      ['of another publisher', 'issuer_mismatch', () => signList(key, claimsOf([entry()], { iss: OTHER }))],
      ['that has expired', 'expired', () => signList(key, claimsOf([entry()], { iat: 1000, exp: 2000 }))],
      ['that counts for years', 'malformed', () => signList(key, claimsOf([entry()], { exp: 4_000_000_000 }))],
      [
        'of the future',
        'malformed',
        () => signList(key, claimsOf([entry()], { iat: trust.world.clock.seconds() + 6000 })),
      ],
      ['of another type', 'malformed', () => signList(key, claimsOf([entry()]), { typ: 'secevent+jwt' })],
      ['with an entry twice', 'malformed', () => signList(key, claimsOf([entry(), entry()]))],
      ['with members that are not known', 'malformed', () => signList(key, claimsOf([entry({ admin: true })]))],
      ['of a lower number', 'rolled_back', () => signList(key, claimsOf([entry({ ceiling: [] })], { number: 1 }))],
      [
        'of the same number with other entries',
        'rolled_back',
        () => signList(key, claimsOf([entry({ issuer: OTHER })], { number: number - 1 })),
      ],
      ['that never ends', 'too_large', () => 'x'.repeat(300_000)],
    ])('gets nothing from a list %s', async (_what, failure, make) => {
      number += 2
      publish([entry()])
      await imported()
      expect(await refresh()).toMatchObject({ entries: 1 })
      serve(await make())
      expect(await later(900)).toMatchObject({ failure, entries: 1 })
      expect([await outcome(), await issuers()]).toEqual(['orders:read', [PARTNER]])
      expect(trust.world.events()).toContain('trust_list_refused')
    })

    it('cannot bring an older list of the same number back', async () => {
      const entries = [entry()]
      const claims = claimsOf(entries)
      const iat = trust.world.clock.seconds()
      serve(signList(key, claims))
      await imported()
      await refresh()
      serve(signList(key, { ...claims, iat: iat - 60 }))
      expect(await later(900)).toMatchObject({ failure: 'rolled_back' })
    })

    it('who has a key that the publisher has taken away signs no more', async () => {
      const next = await createListKey()
      publish([entry()], { keys: [next.thumbprint] })
      await imported()
      await refresh()
      publish([entry({ issuer: OTHER })])
      expect(await later(900)).toMatchObject({ failure: 'key_not_pinned' })
      publish([entry()], { keys: [next.thumbprint] }, next)
      expect((await later(900)).failure).toBeUndefined()
    })

    it('cannot claim our issuer, or one that the tenant believes by itself', async () => {
      await call('POST', '/tenants/acme/organisations', { ...entry(), ceiling: ['orders:write'], mayAct: 'any-agent' })
      publish([entry(), entry({ issuer: trust.issuer }), entry({ issuer: OTHER })])
      await imported()
      const { notes, entries } = await refresh()
      expect([entries, notes]).toMatchObject([
        1,
        [
          { issuer: PARTNER, outcome: 'left_out' },
          { issuer: trust.issuer, outcome: 'left_out' },
        ],
      ])
      expect(await outcome()).toBe('orders:write')
    })

    it('gets no further than services, agents and scopes of the import', async () => {
      publish([
        entry({ ceiling: ['refunds:*'] }),
        entry({ issuer: OTHER, resources: ['https://evil.test'] }),
        entry({ issuer: `${OTHER}/agents`, agents: ['agt_stranger'] }),
        entry({ issuer: `${OTHER}/inside`, keys: { jwksUri: 'https://[fe80::1]:99999/' } }),
      ])
      await imported({ resources: [SERVICE] })
      const { notes, entries } = await refresh()
      expect([entries, notes.length, await issuers()]).toEqual([0, 4, []])
    })

    it.each([
      ['from an address that is none', { url: 'file:///etc/passwd' }, 422, 'input_invalid'],
      ['with keys that are none', { keys: ['short'] }, 422, 'input_invalid'],
      ['for services that are not known', { resources: ['https://evil.test'] }, 422, 'input_invalid'],
    ])('cannot import a list %s', async (_what, more, status, code) => {
      expect(await imported(more)).toMatchObject({ status, body: { code } })
    })

    it('cannot import the list of this authority, or the same one twice', async () => {
      expect(await imported({ issuer: trust.issuer })).toMatchObject({ status: 409, body: { code: 'already_exists' } })
      await imported()
      expect(await imported()).toMatchObject({ status: 409, body: { code: 'already_exists' } })
    })

    it('without a role imports and publishes nothing', async () => {
      const body = { entries: [] }
      const published = await trust.call('PUT', '/trust-list', { by: buyer.agent, body })
      const pinned = await trust.call('GET', '/tenants/acme/trust-lists', { by: buyer.agent })
      expect([published.body.code, pinned.body.code]).toEqual(['role_missing', 'role_missing'])
    })
  })
})
