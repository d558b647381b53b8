import { isRefusal } from '@countermark/core'
import { compare, type JudgeVector, type Verdict } from '../../../signature/test/conformance/vector.ts'
import { spiffe } from '../../src/issuers/presets.ts'
import { parseSpiffeId } from '../../src/issuers/spiffe.ts'
import { createTokenCaller } from '../token-call.ts'

/** SPIFFE IDs, well formed and not. */
export const judgeSpiffeId: JudgeVector = ({ input, expected }): Verdict => {
  try {
    const { trustDomain, path } = parseSpiffeId(input.id)
    const wanted = [expected.valid, expected.trust_domain ?? trustDomain, expected.path ?? path]
    return compare(wanted, [true, trustDomain, path])
  } catch (error) {
    if (!isRefusal(error)) throw error
    return compare(expected.valid, false)
  }
}

/** JWT-SVIDs. What the suite calls `jwks` are the authorities of a trust domain; a bundle says so by `use`. */
export const judgeSvid: JudgeVector = async ({ input, expected }): Promise<Verdict> => {
  const keys = input.jwks.keys.map((key: object) => ({ ...key, use: 'jwt-svid' }))
  const issuers = [spiffe(input.trust_domain, { bundle: { keys } })]
  const caller = createTokenCaller([], { issuers, audience: input.audience })
  caller.clock.adjustWall(input.clock * 1000 - caller.clock.wallMs())
  const facts = await caller.call({ token: input.jwt })
  return compare(expected.valid ? expected.id : 'refused', typeof facts === 'string' ? 'refused' : facts.agent.id)
}
