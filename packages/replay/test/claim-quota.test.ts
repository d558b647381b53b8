import fc from 'fast-check'
import { createClaimQuota } from '../src/claim-quota.ts'

describe('the quota', () => {
  it('never forgets a live claim, and remembers none for more than eight seconds after its end', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), lifetime: fc.nat(40), wait: fc.nat(10) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 10 }), (steps, maxClaimsPerKey) => {
        const quota = createClaimQuota({ maxClaims: 1000, maxClaimsPerKey })
        const ends: { readonly key: string; readonly last: number }[] = []
        let now = 1000
        return steps.every(({ key, lifetime, wait }) => {
          now += wait
          const count = (grace: number): number =>
            ends.filter((end) => end.key === key && end.last + grace >= now).length
          const exceeded = quota.exceeded(key, now) === 'over_quota'
          const isRight = exceeded ? count(8) >= maxClaimsPerKey : count(0) < maxClaimsPerKey
          if (!exceeded) {
            quota.count(key, now + lifetime)
            ends.push({ key, last: now + lifetime })
          }
          return isRight
        })
      }),
    )
  })

  it('limits all keys together', () => {
    const quota = createClaimQuota({ maxClaims: 2, maxClaimsPerKey: 2 })
    quota.count('a', 1008)
    quota.count('b', 1016)
    expect(quota.exceeded('c', 1000)).toBe('full')
    expect(quota.exceeded('c', 1016)).toBeUndefined()
  })
})
