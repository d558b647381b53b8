import { readFile } from 'node:fs/promises'
import { verifyDelegation } from '@countermark/delegation'
import { type AuditedApp, FRAMEWORKS, signedOnce, startAuditedApp } from './audited-app.ts'
import { AUDIENCE, createTokenKit, type TokenKit } from './token-kit.ts'

const CANARY = 'c4n4ry5ecret'

const FIELDS = [
  'Cookie',
  'X-Api-Key',
  'X-Amz-Security-Token',
  'Proxy-Authorization',
  'Referer',
  'User-Agent',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'Forwarded',
  'Idempotency-Key',
  'Traceparent',
  'Tracestate',
  'Baggage',
  'Approval-Ticket',
  'X-Unheard-Of',
]

/** Claims that mean nothing to us, in every place where a token may have some. */
const CLAIMS = {
  email: `${CANARY}@example.com`,
  api_key: CANARY,
  nested: { deep: [CANARY] },
  x_session: CANARY,
}

describe.each(FRAMEWORKS)('a secret sent to %s', (framework) => {
  const kit: TokenKit = createTokenKit()
  let app: AuditedApp
  beforeEach(async () => {
    app = await startAuditedApp({
      framework,
      checks: (agent) => [...signedOnce(agent), verifyDelegation({ issuers: [kit.options], audience: AUDIENCE })],
    })
  })
  afterEach(() => app.close())

  /** As text, and as what base64 would make of it at each of three offsets. */
  async function traces(secret: string): Promise<readonly string[]> {
    await app.trail.flush()
    const text = await readFile(app.path, 'utf8')
    const encoded = [0, 1, 2].map((offset) => {
      const shifted = Buffer.from(`${'\0'.repeat(offset)}${secret}`).toString('base64url')
      return shifted.slice(offset === 0 ? 0 : 4, -4)
    })
    return [secret, ...encoded].filter((form) => text.includes(form))
  }

  it.each(FIELDS)('in %s, covered by the signature, leaves no trace', async (name) => {
    const value = name === 'X-Forwarded-For' ? `${CANARY}, 192.0.2.1` : CANARY
    const headers = [[name, value] as const, ['Authorization', `Bearer ${kit.mint()}`] as const]
    const components = ['@method', '@authority', '@path', 'authorization', name.toLowerCase()]
    await app.send({ url: 'https://api.example.com/orders/7', headers, components })
    const records = await app.records()
    expect([records[1]?.record.type, await traces(CANARY)]).toEqual(['decision', []])
  })

  it('in a claim leaves no trace, nor does the token', async () => {
    const token = kit.mint(CLAIMS)
    const headers = [['Authorization', `Bearer ${token}`] as const]
    const { status } = await app.send({ url: 'https://api.example.com/orders/7', headers })
    expect([status, await traces(CANARY)]).toEqual([201, []])
    expect(await traces(token.split('.')[2] ?? '')).toEqual([])
  })

  it.each([
    'access_token',
    'api%5Fkey',
    'X-Amz-Signature',
    'PASSWORD',
    'user[token]',
    'clientSecret',
    'SAMLResponse',
    'sig',
  ])('in the parameter %s leaves no trace', async (name) => {
    const headers = [['Authorization', `Bearer ${kit.mint()}`] as const]
    await app.send({ url: `https://api.example.com/orders/7?limit=1&${name}=${CANARY}`, headers })
    expect(await traces(CANARY)).toEqual([])
  })

  it('in a refused request leaves no trace either', async () => {
    const headers = [...FIELDS.map((name) => [name, CANARY] as const), ['Authorization', `Bearer ${CANARY}`] as const]
    await app.send({
      url: `https://api.example.com/orders/7`,
      headers,
      tamper: { signature: () => new Uint8Array(64) },
    })
    const [, decision] = await app.records()
    expect([decision?.record, await traces(CANARY)]).toMatchObject([{ decision: 'deny' }, []])
  })
})
