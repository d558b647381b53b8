import { generateKeyPairSync } from 'node:crypto'
import { capabilityRules, requireCapability } from '@countermark/capability'
import {
  type Check,
  createGuardComposer,
  createGuardSettings,
  defineCheck,
  Refusal,
  type RefusalCode,
} from '@countermark/core'
import { type Credential, type Guard, REFUSAL_CODES } from '@countermark/core/internal'
import { verifyDelegation } from '@countermark/delegation'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { httpSignatures, simpleHeaders, verifySignature } from '@countermark/signature'
import { aRequest, createFakeClock, createTestAgent, keySourceOf } from '@countermark/testing'
import fc from 'fast-check'

/** What a request and its refusal differ in. */
interface Refused {
  readonly code: RefusalCode
  readonly credential: Credential | undefined
  readonly method: string
  readonly target: string
  readonly fields: readonly string[]
}

const FIELDS: readonly (readonly [string, string])[] = [
  ['Authorization', 'Bearer t'],
  ['Authorization', 'DPoP t'],
  ['DPoP', 'proof'],
  ['Agent-Delegation', 'token'],
  ['Origin', 'https://app.example'],
  ['Content-Type', 'application/json'],
  ['Signature-Agent', 'mine="https://agent.example"'],
  ['Idempotency-Key', 'k'],
  ['Agent-ID', 'agt_buyer'],
]

/** One of ours, alone or behind one for DPoP. */
const NONCE = /(?<![\w-])(?:[\w-]{30}\.)?[\w-]{51}(?![\w-])/g

const refused: fc.Arbitrary<Refused> = fc.record({
  code: fc.constantFrom(...(Object.keys(REFUSAL_CODES) as RefusalCode[])),
  credential: fc.constantFrom<Credential | undefined>(undefined, 'signature', 'token'),
  method: fc.constantFrom('GET', 'POST'),
  target: fc.constantFrom('/orders', '/orders?limit=1', '/hooks'),
  fields: fc.subarray(FIELDS.map(([name, value]) => `${name}: ${value}`)),
})

async function createCompose(): Promise<(...more: readonly Check[]) => Guard> {
  const clock = createFakeClock()
  const agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  const accept = [
    httpSignatures(),
    simpleHeaders({ version: 1 }),
    simpleHeaders({ version: 0, routes: ['POST /hooks'] }),
  ]
  return (...more) => {
    const store = memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true })
    const settings = createGuardSettings({ origins: ['https://api.example.com'], clock, sourceLimit: 'off' })
    const jwks = { keys: [{ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'a' }] }
    return createGuardComposer(settings)({}, [
      ...more,
      verifySignature({ keys: keySourceOf(agent), accept }),
      preventReplay({ store }) as Check,
      verifyDelegation({
        issuers: [{ issuer: 'https://auth.example.com', keys: { jwks } }],
        audience: 'https://api.example.com',
        dpop: { store, nonce: 'required' },
      }),
      requireCapability('orders:read', {}, capabilityRules()) as Check,
    ])
  }
}

let current: Refused | undefined

const refuseAsTold = defineCheck({ name: 'refuse', needs: [], adds: [] }, () => {
  if (current === undefined) throw new Error('nothing was told')
  const { code, credential } = current
  throw new Refusal(code, 'refused', credential === undefined ? {} : { credential })
})

/** Nothing is said of what its challenge depends on, so all challenges of its guard are written anew. */
const unpredictable = defineCheck({ name: 'unpredictable', needs: [], adds: [], challenge: () => [] }, () => ({}))

function answerOf(guard: Guard, given: Refused): unknown {
  current = given
  const fields = given.fields.map((line) => line.split(': ') as [string, string])
  const headers = [
    ['Host', 'api.example.com'] as const,
    ...fields.filter(([name], at) => fields.findIndex(([other]) => other === name) === at),
  ]
  const body = given.method === 'POST' ? { body: '{}' } : {}
  const verdict = guard(
    aRequest({ method: given.method, url: `https://api.example.com${given.target}`, headers, ...body }),
  )
  if ('then' in verdict || verdict.outcome !== 'deny') throw new Error('it was not refused at once')
  const { status, headers: told, body: document } = verdict.reply
  const id = JSON.parse(document).request_id
  return [
    status,
    told.map(([name, value]) => `${name}: ${value.replace(NONCE, 'NONCE')}`),
    document.replaceAll(id, 'ID'),
  ]
}

describe('the answer to a refusal', () => {
  it('is what it would be without a memory of answers', async () => {
    const compose = await createCompose()
    const [remembering, forgetting] = [compose(refuseAsTold), compose(refuseAsTold, unpredictable)]
    let challenges = 0
    fc.assert(
      fc.property(fc.array(refused, { minLength: 1, maxLength: 8 }), (cases) => {
        for (const given of cases) {
          const anew = answerOf(forgetting, given)
          expect(answerOf(remembering, given)).toEqual(anew)
          challenges += JSON.stringify(anew).split('NONCE').length - 1
        }
      }),
      { numRuns: 300 },
    )
    expect(challenges).toBeGreaterThan(300)
  })

  it('holds another nonce each time', async () => {
    const guard = (await createCompose())(refuseAsTold)
    const nonces = new Set<string>()
    for (const code of ['nonce_missing', 'dpop_nonce_required', 'credentials_missing'] as const) {
      for (let round = 0; round < 3; round++) {
        current = { code, credential: undefined, method: 'GET', target: '/', fields: [] }
        const verdict = guard(
          aRequest({
            headers: [
              ['Host', 'api.example.com'],
              ['Authorization', 'DPoP t'],
            ],
          }),
        )
        if ('then' in verdict || verdict.outcome !== 'deny') throw new Error('it was not refused at once')
        const text = verdict.reply.headers.map(([, value]) => value).join('\n')
        for (const nonce of new Set(text.match(NONCE))) nonces.add(`${code} ${round} ${nonce}`)
      }
    }
    const distinct = new Set([...nonces].map((line) => line.split(' ')[2]))
    expect([nonces.size, distinct.size]).toEqual([9, 9])
  })
})
