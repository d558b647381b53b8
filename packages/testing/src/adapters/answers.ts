import { defineCheck, Unavailable } from '@countermark/core'
import { outcomeOf, problemOf, type StartGuardedApp } from './guarded-app.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** What callers are answered. */
export function describeAnswers<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('an allowed request', () => {
    it('reaches the handler, which sees who calls', async () => {
      const app = await start()
      const response = await app.send({ target: '/orders' })
      expect([response.status, JSON.parse(response.text)]).toEqual([200, { agent: 'agt_buyer', body: null }])
    })

    it('carries no field of a refusal', async () => {
      const app = await start()
      const response = await app.send({ target: '/orders', headers: { Origin: 'https://shop.example' } })
      expect(response.header('access-control-expose-headers')).toBeUndefined()
      expect(response.header('www-authenticate')).toBeUndefined()
    })
  })

  describe('a refused request', () => {
    it('is answered with a problem document and does not reach the handler', async () => {
      const app = await start()
      const response = await app.sendPlain()
      expect(problemOf(response)).toMatchObject({
        type: 'urn:agent-auth:error:credentials_missing',
        title: 'Credentials are missing',
        status: 401,
        code: 'credentials_missing',
        retry: 'resign',
        request_id: expect.stringMatching(UUID),
      })
      expect(problemOf(response)).not.toHaveProperty('detail')
      expect(response.header('content-type')).toBe('application/problem+json')
      expect(app.runs).toHaveLength(0)
    })

    it('says how long its answer is', async () => {
      const response = await (await start()).sendPlain()
      expect(response.header('content-length')).toBe(String(Buffer.byteLength(response.text)))
      expect(response.header('transfer-encoding')).toBeUndefined()
    })

    it('is not stored by caches', async () => {
      const response = await (await start()).sendPlain()
      expect(response.header('cache-control')).toBe('no-store')
    })

    it('is told what to sign', async () => {
      const response = await (await start()).sendPlain()
      expect(response.header('www-authenticate')).toMatch(/^Signature realm="api\.example\.com"/)
      expect(response.header('accept-signature')).toMatch(/^sig1=\("@method" "@authority" "@path"\)/)
    })

    it('keeps every challenge on a line of its own', async () => {
      const { headerLines } = await (await start()).sendPlain()
      const challenges = headerLines.filter(([name]) => name.toLowerCase() === 'www-authenticate')
      expect(challenges.map(([, value]) => value.split(' ', 1)[0])).toEqual(['Signature', 'Agent-Auth'])
    })

    it('is told what was wrong with its signature', async () => {
      const app = await start()
      const response = await app.send({ tamper: { sent: { target: '/elsewhere' } } })
      expect(outcomeOf(response)).toBe('401 signature_invalid')
      expect(response.header('signature-error')).toBe('error=invalid_signature')
    })

    it('can be found by its request id', async () => {
      const app = await start()
      const response = await app.sendPlain()
      expect(app.observer.decisions.map(({ requestId }) => requestId)).toEqual([problemOf(response)['request_id']])
    })

    it('has no body when it was a HEAD', async () => {
      const response = await (await start()).sendPlain({ method: 'HEAD' })
      expect([response.status, response.text]).toEqual([401, ''])
      expect(response.header('content-type')).toBe('application/problem+json')
    })

    it('says when to come back', async () => {
      const down = defineCheck({ name: 'down', needs: [], adds: [] }, () => {
        throw new Unavailable('key_source_unavailable', 'keys', 'the registry is down', { retryAfterSeconds: 6.2 })
      })
      const app = await start(({ guard, handler }) => [guard(down), handler])
      const response = await app.sendPlain()
      expect([response.status, response.header('retry-after')]).toEqual([503, '7'])
    })

    it('lets scripts of other origins read its fields', async () => {
      const app = await start()
      const response = await app.sendPlain({ headers: [['Origin', 'https://shop.example']] })
      expect(response.header('access-control-expose-headers')).toMatch(/\bWWW-Authenticate\b.*\bRetry-After\b/)
      expect((await app.sendPlain()).header('access-control-expose-headers')).toBeUndefined()
    })
  })

  describe('what the application had set before', () => {
    it('gives way where the refusal says otherwise', async () => {
      const app = await start(({ adapter, verified, handler }) => [
        adapter.step(({ response }) => void response.setHeader('Content-Type', 'text/html')),
        adapter.step(({ response }) => void response.setHeader('Cache-Control', 'public, max-age=60')),
        verified(),
        handler,
      ])
      const { headerLines, status } = await app.sendPlain()
      const lines = headerLines.filter(([name]) => /^(?:content-type|cache-control)$/i.test(name))
      expect([status, lines.map(([, value]) => value).sort()]).toEqual([401, ['application/problem+json', 'no-store']])
    })

    it('stays where both lists count', async () => {
      const app = await start(({ adapter, verified, handler }) => [
        adapter.step(({ response }) => void response.setHeader('Access-Control-Expose-Headers', 'X-Page')),
        verified(),
        handler,
      ])
      const { headerLines } = await app.sendPlain({ headers: [['Origin', 'https://shop.example']] })
      const lines = headerLines.filter(([name]) => name.toLowerCase() === 'access-control-expose-headers')
      expect(lines.map(([, value]) => value).join(', ')).toMatch(/^X-Page, WWW-Authenticate/)
    })
  })

  describeWording(start)
}

/** How statuses and bodies are chosen. */
function describeWording<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe.each([
    ['standard', { missing: 401, invalid: 401, replayed: 401 }],
    ['seed', { missing: 401, invalid: 403, replayed: 403 }],
    ['wba', { missing: 403, invalid: 403, replayed: 429 }],
  ] as const)('statusMode %s', (statusMode, expected) => {
    it('answers what is missing, invalid and replayed', async () => {
      const app = await start({ options: { statusMode } })
      const missing = await app.sendPlain()
      const invalid = await app.send({ tamper: { signature: (bytes) => bytes.map((byte) => byte ^ 1) } })
      const [, replayed] = [
        await app.send({ nonce: 'once-and-only-once' }),
        await app.send({ nonce: 'once-and-only-once' }),
      ]
      expect({ missing: missing.status, invalid: invalid.status, replayed: replayed.status }).toEqual(expected)
    })
  })

  it('says with 403 what is wrong only where signing again helps', async () => {
    const app = await start({ options: { statusMode: 'wba' } })
    const invalid = await app.send({ tamper: { sent: { target: '/elsewhere' } } })
    const expired = await app.send({ created: 1_700_000_000 })
    expect([invalid.status, invalid.header('signature-error')]).toEqual([403, undefined])
    expect([expired.status, expired.header('signature-error')]).toEqual([403, 'error=invalid_signature'])
  })

  describe.each([
    ['code', 'key_unknown', false],
    ['full', 'key_unknown', true],
    ['minimal', 'signature_invalid', false],
  ] as const)('errorDetail %s', (errorDetail, code, hasDetail) => {
    it('names an unknown key to observers, and to the caller as far as it is set to', async () => {
      const app = await start({ options: { errorDetail } })
      const problem = problemOf(await app.send({ keyId: 'unknown-key' }))
      expect([problem['code'], 'detail' in problem]).toEqual([code, hasDetail])
      expect(app.observer.decisions[0]?.refusal?.code).toBe('key_unknown')
    })
  })

  it('explains itself in development', async () => {
    const app = await start({ options: { development: true } })
    const problem = problemOf(await app.send({ tamper: { sent: { target: '/elsewhere' } } }))
    expect(problem).toMatchObject({
      code: 'signature_invalid',
      detail: expect.any(String),
      diagnosis: expect.anything(),
    })
    expect(JSON.stringify(problem['diagnosis'])).toContain('/elsewhere')
  })

  it('keeps quiet outside development', async () => {
    const app = await start({ options: { errorDetail: 'full' } })
    expect(problemOf(await app.send({ tamper: { sent: { target: '/elsewhere' } } }))).not.toHaveProperty('diagnosis')
  })
}
