import { type AgentRequest, isRefusal } from '@countermark/core'
import { rowOf } from '@countermark/core/internal'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { requireClaims } from '../src/index.ts'
import type { ClaimExpectation } from '../src/require-claims.ts'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller } from './token-call.ts'
import type { Members } from './token-issuer.ts'

const { issuer } = useOneIssuer()
const request = aRequest({ url: 'https://api.example.com/tenants/acme' })

async function codeOf(claims: Members, wanted: Readonly<Record<string, ClaimExpectation>>): Promise<unknown> {
  const facts = await createTokenCaller([issuer()]).call({ token: await issuer().mint(claims) })
  if (typeof facts === 'string') return facts
  try {
    await requireClaims(wanted)(request, facts, createTestEnvironment())
    return 'accepted'
  } catch (error) {
    return isRefusal(error) ? error.code : error
  }
}

describe('claims that a route asks for', () => {
  it.each<readonly [string, Members, Readonly<Record<string, ClaimExpectation>>, string]>([
    ['the value', { tenant: 'acme' }, { tenant: 'acme' }, 'accepted'],
    ['one of the values', { tier: 2 }, { tier: [1, 2] }, 'accepted'],
    ['both of two', { tenant: 'acme', staff: true }, { tenant: 'acme', staff: true }, 'accepted'],
    ['one of two', { tenant: 'acme', staff: false }, { tenant: 'acme', staff: true }, 'constraint_violation'],
    ['another value', { tenant: 'other' }, { tenant: 'acme' }, 'constraint_violation'],
    ['none', {}, { tenant: 'acme' }, 'constraint_violation'],
    ['another type', { tier: '2' }, { tier: 2 }, 'constraint_violation'],
    ['a list that holds the value', { tenant: ['acme'] }, { tenant: 'acme' }, 'constraint_violation'],
    ['null', { tenant: null }, { tenant: 'null' }, 'constraint_violation'],
  ])('%s', async (_name, claims, wanted, code) => {
    expect(await codeOf(claims, wanted)).toBe(code)
  })

  it('may be checked by a function, with the request at hand', async () => {
    const ofPath = (value: unknown, { path }: AgentRequest): boolean => path === `/tenants/${value}`
    expect(await codeOf({ tenant: 'acme' }, { tenant: ofPath })).toBe('accepted')
    expect(await codeOf({ tenant: 'other' }, { tenant: ofPath })).toBe('constraint_violation')
  })

  it('are refused as something that was not granted', () => {
    expect(rowOf('constraint_violation')?.status).toBe(403)
  })

  it.each([{}, null, 'tenant', { tenant: [] }, { tenant: {} }, { tenant: undefined }])(
    'are checked when the program starts: %j',
    (claims) => {
      expect(() => requireClaims(claims as Readonly<Record<string, ClaimExpectation>>)).toThrow(TypeError)
    },
  )
})

describe('an attacker', () => {
  it('cannot pass by what every object inherits, nor by a function that answers anything but true', async () => {
    const wanted = { constructor: (value: unknown) => value !== undefined }
    expect(await codeOf({}, wanted)).toBe('constraint_violation')
    const later = { tenant: (async () => false) as unknown as () => boolean }
    expect(await codeOf({ tenant: 'acme' }, later)).toBe('constraint_violation')
  })
})
