import { nodeVerifier } from '@countermark/core/internal'
import fc from 'fast-check'
import { compactVerify, errors } from 'jose'
import { parseKeySet } from '../src/issuers/key-set.ts'
import { toJoseAlgorithm } from '../src/token/jose-algorithm.ts'
import { openCompactJws } from '../src/token/jws.ts'
import { createJwsKey } from '../src/token/jws-key.ts'
import { createTestIssuer, type TestIssuer } from './token-issuer.ts'

const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'RS256', 'PS256'] as const
const RULES = { maxLength: 8192, code: 'token_malformed', noun: 'token' } as const

let issuers: readonly TestIssuer[]

beforeAll(async () => {
  issuers = await Promise.all(ALGORITHMS.map((algorithm) => createTestIssuer(algorithm)))
})

describe('the strict verifier and jose', () => {
  it('agree on what is signed, whatever is done to the signature', async () => {
    const change = fc.record({ at: fc.nat(), bits: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() })
    const verdicts = { true: 0, false: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.nat(ALGORITHMS.length - 1),
        fc.string(),
        change,
        async (which, payload, { at, bits, cut }) => {
          const issuer = issuers[which] as TestIssuer
          const token = await issuer.mintRaw(payload)
          const [header, body, signature = ''] = token.split('.')
          const bytes = Buffer.from(signature, 'base64url')
          const place = at % bytes.length
          bytes[place] = (bytes[place] ?? 0) ^ bits
          const changed = `${header}.${body}.${(cut ? bytes.subarray(1) : bytes).toString('base64url')}`
          const ours = verifyOurs(issuer, changed)
          expect(ours).toBe(await verifyByJose(issuer, changed))
          verdicts[`${ours}`]++
        },
      ),
      { numRuns: 300 },
    )
    expect(verdicts.false).toBeGreaterThan(100)
    expect(verifyOurs(issuers[0] as TestIssuer, await (issuers[0] as TestIssuer).mintRaw('x'))).toBe(true)
  })
})

function verifyOurs(issuer: TestIssuer, token: string): boolean {
  const jws = openCompactJws(token, RULES)
  const algorithm = toJoseAlgorithm(jws.algorithm)
  const set = parseKeySet(issuer.jwks, { algorithms: [...ALGORITHMS], allowTestKeys: false })
  const key = algorithm === undefined ? undefined : set.find({ keyId: jws.keyId, algorithm })
  return key !== undefined && createJwsKey(key.joseAlgorithm, key).verifies(jws, { verifier: nodeVerifier })
}

async function verifyByJose(issuer: TestIssuer, token: string): Promise<boolean> {
  const [jwk] = issuer.jwks.keys
  try {
    await compactVerify(token, { ...jwk, kty: String(jwk?.kty) })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}
