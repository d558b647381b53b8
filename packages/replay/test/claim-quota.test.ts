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

  it('gives all of it but a fifth to a single key', () => {
    const quota = createClaimQuota({ maxClaims: 100, maxClaimsPerKey: 1000 })
    let held = 0
    while (quota.exceeded('a', 1000) === undefined) {
      quota.count('a', 1008)
      held++
    }
    expect([held, quota.exceeded('a', 1000)]).toEqual([80, 'over_quota'])
  })

  it('limits all keys together', () => {
    const quota = createClaimQuota({ maxClaims: 2, maxClaimsPerKey: 2 })
    quota.count('a', 1008)
    quota.count('b', 1016)
    expect(quota.exceeded('c', 1000)).toBe('full')
    expect(quota.exceeded('c', 1016)).toBeUndefined()
  })
})

describe('an attacker with many keys', () => {
  it('cannot take all the room there is from those who hold little', () => {
    const quota = createClaimQuota({ maxClaims: 10_000, maxClaimsPerKey: 1_000 })
    for (let round = 0; round < 1_000; round++) {
      for (let key = 0; key < 20; key++) {
        if (quota.exceeded(`greedy ${key}`, 1_000) === undefined) quota.count(`greedy ${key}`, 87_400)
      }
    }
    for (let claim = 0; claim < 50; claim++) {
      expect(quota.exceeded('modest', 1_000)).toBeUndefined()
      quota.count('modest', 1_300)
    }
    expect(quota.exceeded('newcomer', 1_000)).toBeUndefined()
    expect(quota.exceeded('greedy 1', 1_000)).toBe('over_quota')
  })
})
