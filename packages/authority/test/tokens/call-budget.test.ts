import { INTROSPECTOR, type KnownAgent, ORDERS, type RunningAuthority, startAuthority } from './running-authority.ts'

const FORM = { grant_type: 'client_credentials', resource: ORDERS }
const LIMIT = { perSecond: 1, burst: 5 }

describe('the budget of calls', () => {
  let authority: RunningAuthority
  let buyer: KnownAgent
  let worker: KnownAgent

  beforeEach(async () => {
    authority = await startAuthority({ sourceLimit: LIMIT, callsPerSecond: 2, trustedProxies: ['127.0.0.0/8'] })
    buyer = await authority.createAgent('agt_buyer')
    worker = await authority.createAgent('agt_worker')
  })
  afterEach(() => authority.close())

  const from = (network: string): Readonly<Record<string, string>> => ({ 'x-forwarded-for': `${network}.7` })
  const statuses = async (
    count: number,
    ask: () => ReturnType<RunningAuthority['post']>,
  ): Promise<readonly number[]> => {
    const answers: number[] = []
    for (let n = 0; n < count; n += 1) answers.push((await ask()).status)
    return answers
  }

  it.each(['/token', '/introspect', '/revoke'])('ends what a network without proof may ask of %s', async (path) => {
    const asked = await statuses(6, () => authority.post(path, FORM, undefined, from('198.51.100')))
    expect(asked).toEqual([401, 401, 401, 401, 401, 429])
    const { body, headers } = await authority.post(path, FORM, undefined, from('198.51.100'))
    expect([body['error'], headers.get('retry-after')]).toEqual(['rate_limited', '1'])
  })

  it('is not shared by strangers: what one network asks takes nothing from another', async () => {
    await statuses(7, () => authority.post('/token', FORM, undefined, from('198.51.100')))
    expect((await authority.post('/token', FORM, buyer, from('203.0.113'))).status).toBe(200)
  })

  it('counts clients that prove themselves by themselves, and not against their network', async () => {
    const asked = await statuses(5, () => authority.post('/token', FORM, buyer, from('203.0.113')))
    expect(asked).toEqual([200, 200, 200, 200, 429])
    expect((await authority.post('/token', FORM, worker, from('203.0.113'))).status).toBe(200)
    const secret = { client_id: INTROSPECTOR.clientId, client_secret: INTROSPECTOR.clientSecret, token: 'none' }
    expect((await authority.post('/introspect', secret, undefined, from('203.0.113'))).status).toBe(200)
    authority.clock.advance(1000)
    expect((await authority.post('/token', FORM, buyer, from('203.0.113'))).status).toBe(200)
  })
})
