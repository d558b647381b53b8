import { startServer } from '@countermark/testing'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { createTestIssuer } from '../../../delegation/test/token-issuer.ts'
import { describeStores } from '../stores.ts'
import { startTrustWorld } from '../trust-world.ts'

const PARTNER = 'https://login.partner.example'

describeStores((createPlace) => {
  it('an organisation that answers late for its keys brings nothing once it was removed', async () => {
    const place = await createPlace()
    const partner = await createTestIssuer('EdDSA', PARTNER)
    let asked: () => void = () => undefined
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    let release: () => void = () => undefined
    const late = await startServer((_request, response) => {
      release = () => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ keys: partner.jwks.keys }))
      }
      asked()
    })
    const trust = await startTrustWorld(place.open(), { organisationHttp: LOOPBACK })
    const buyer = await trust.enrol('agt_buyer', 'acme')
    const by = trust.world.admin
    const keys = { jwksUri: `${late.origin}/jwks.json` }
    const body = { issuer: PARTNER, name: 'Partner', keys, ceiling: ['orders:read'], mayAct: 'any-agent' }
    const added = await trust.call('POST', '/tenants/acme/organisations', { by, body })
    expect(added.status).toBe(201)
    const now = trust.world.clock.seconds()
    const claims = { sub: 'mary', aud: trust.issuer, act: undefined, client_id: undefined, iat: now, exp: now + 300 }
    const token = await partner.mint({ ...claims, scope: 'orders:read', jti: 'jti_late' })
    const exchanged = trust.exchange(buyer, token)
    await isAsked
    const removed = await trust.call('DELETE', `/tenants/acme/organisations/${added.body.id}`, { by })
    expect(removed.status).toBe(200)
    release()
    const { status, body: answer } = await exchanged
    expect([status, answer['error']]).toEqual([400, 'invalid_grant'])
    await trust.close()
    await late.close()
    await place.remove()
  }, 60_000)
})
