import { type AuditedApp, FRAMEWORKS, startAuditedApp } from './audited-app.ts'

describe.each(FRAMEWORKS)('a trail behind %s', (framework) => {
  let app: AuditedApp
  beforeEach(async () => {
    app = await startAuditedApp({ framework })
  })
  afterEach(() => app.close())

  it('holds a record of an allowed request and one of its outcome', async () => {
    const { status } = await app.send({ url: 'https://api.example.com/orders/7?limit=2', method: 'POST', body: '{}' })
    const [started, decision, outcome, ...others] = (await app.records()).map(({ record }) => record)
    expect(status).toBe(201)
    expect(started).toMatchObject({ type: 'event', event: 'trail_started', details: {} })
    expect(decision).toMatchObject({
      type: 'decision',
      decision: 'allow',
      agent: { id: 'agt_buyer', level: 'signed', scheme: 'httpsig', thumbprint: app.agent.thumbprint },
      action: { method: 'POST' },
      resource: { authority: 'api.example.com', route: '/orders/:id' },
      evidence: { grade: 'signature', algorithm: 'ed25519', publicKey: app.agent.publicJwk },
    })
    expect(outcome).toMatchObject({ type: 'outcome', of: decision?.id, status: 201, aborted: false })
    expect(others).toEqual([])
  })

  it('holds a refused request with its code and reason', async () => {
    const request = { url: 'https://api.example.com/orders/7', method: 'POST' }
    await app.send({ ...request, tamper: { signature: () => new Uint8Array(64) } })
    const [, decision, outcome] = (await app.records()).map(({ record }) => record)
    expect(decision).toMatchObject({
      decision: 'deny',
      check: 'verifySignature',
      code: 'signature_invalid',
      status: 401,
      evidence: { grade: 'none' },
    })
    expect(outcome).toMatchObject({ of: decision?.id, status: 401 })
  })

  it('says of each decision that its guard only observes, allowed ones included', async () => {
    await app.close()
    app = await startAuditedApp({ framework, guard: { mode: 'observe' } })
    const request = { url: 'https://api.example.com/orders/7', method: 'POST' }
    await app.send(request)
    await app.send({ ...request, tamper: { signature: () => new Uint8Array(64) } })
    const decisions = (await app.records()).map(({ record }) => record).filter(({ type }) => type === 'decision')
    expect(decisions).toMatchObject([
      { decision: 'allow', mode: 'observe' },
      { decision: 'observe', mode: 'observe', code: 'signature_invalid', status: 401 },
    ])
  })

  it('commits to what may be erased and keeps it beside', async () => {
    await app.send({ url: 'https://api.example.com/orders/7?customer=4711', method: 'DELETE' })
    const [, decision] = await app.records()
    const hashed = JSON.stringify(decision?.record)
    expect(Object.keys(decision?.private ?? {})).toEqual(['address', 'signed', 'target'])
    expect(decision?.private['target']?.value).toBe('/orders/7?customer=4711')
    expect([hashed.includes('4711'), hashed.includes('127.0.0.1')]).toEqual([false, false])
  })
})
