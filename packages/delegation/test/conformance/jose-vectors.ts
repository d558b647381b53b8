import { isRefusal } from '@countermark/core'
import { nodeVerifier, thumbprintOf } from '@countermark/core/internal'
import { compare, type JudgeVector, type Verdict } from '../../../signature/test/conformance/vector.ts'
import { type IssuerKey, parseKeySet } from '../../src/issuers/key-set.ts'
import { verifyIssuerSignature } from '../../src/token/issuer-signature.ts'
import { type JoseAlgorithm, toJoseAlgorithm } from '../../src/token/jose-algorithm.ts'
import { openCompactJws } from '../../src/token/jws.ts'
import { createJwsKey } from '../../src/token/jws-key.ts'

const RULES = { maxLength: 16_384, code: 'token_malformed', noun: 'token' } as const
const ALGORITHMS: readonly JoseAlgorithm[] = [
  ...(['EdDSA', 'ES256', 'ES384', 'RS256', 'RS384'] as const),
  ...(['RS512', 'PS256', 'PS384', 'PS512'] as const),
]

/** A JWS and the keys it may be signed with: judged by our own verifier and by jose, which must agree. */
export const judgeJws: JudgeVector = async ({ input, expected }) => {
  const text: unknown = input.jws ?? input.compact
  if (typeof text !== 'string' || input.detached_payload !== undefined) return { skip: 'not a compact JWS' }
  if (expected.disputed === true) return { skip: 'the sources disagree' }
  const keys: readonly Record<string, unknown>[] = (input.jwks?.keys ?? [input.jwk]).map(publicHalf)
  if (expected.valid === true && keys.some((key) => key['kty'] === 'oct')) return { skip: 'no symmetric keys' }
  if (expected.valid === true && keys.some((key) => key['crv'] === 'P-521')) return { skip: 'no P-521' }
  const verdicts = [await verifyOurs(text, keys), await verifyByJose(text, keys)]
  return compare([expected.valid, expected.valid], verdicts)
}

/** JWK thumbprints (RFC 7638, RFC 8037). */
export const judgeThumbprint: JudgeVector = ({ input, expected }): Verdict => {
  return compare(expected.thumbprint, thumbprintOf(input.jwk))
}

async function verifyOurs(text: string, keys: readonly object[]): Promise<boolean> {
  return withKey(text, keys, (key) =>
    createJwsKey(key.joseAlgorithm, key).verifies(openCompactJws(text, RULES), { verifier: nodeVerifier }),
  )
}

async function verifyByJose(text: string, keys: readonly object[]): Promise<boolean> {
  return withKey(text, keys, async (key) => {
    await verifyIssuerSignature(text, key, 'token_invalid')
    return true
  })
}

async function withKey(
  text: string,
  keys: readonly object[],
  verify: (key: IssuerKey) => boolean | Promise<boolean>,
): Promise<boolean> {
  try {
    const { algorithm: name, keyId } = openCompactJws(text, RULES)
    const algorithm = toJoseAlgorithm(name)
    const set = parseKeySet({ keys }, { algorithms: ALGORITHMS, allowTestKeys: true })
    const key = algorithm === undefined ? undefined : set.find({ keyId, algorithm })
    return key === undefined ? false : await verify(key)
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

function publicHalf(jwk: Record<string, unknown>): Record<string, unknown> {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...open } = jwk
  return open
}
