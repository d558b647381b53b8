import { compareVerifiers } from './compare-verifiers.ts'
import { isSpeltAnew, MUTATIONS } from './mutated-jws.ts'

describe('our strict check and jose', () => {
  // 100,000 of them: npm run differential:tokens.
  it('agree on tokens and proofs, whatever is done to them', async () => {
    const { cases, accepted, speltAnew, differences } = await compareVerifiers(17, 1_500)
    expect(differences).toEqual([])
    expect(accepted).toBeGreaterThan(cases / 50)
    expect(speltAnew).toBeGreaterThan(0)
  }, 60_000)
})

describe('changes to a token', () => {
  const zero = (): number => 0

  it.each(Object.keys(MUTATIONS).filter((name) => name !== 'nothing'))('change it: %s', (name) => {
    expect(MUTATIONS[name]?.('e30.e30.b-b-', 'e31.e31.c-c-', zero)).not.toBe('e30.e30.b-b-')
  })

  it('are new letters for the same bytes, or not', () => {
    const spelt = ['e30.e30.b-b-', 'e30.e30.b-b-==', 'e31.e30.b-b-', 'e30.e30.b-b', 'e30.e30.b-b-.']
    expect(spelt.map((text) => isSpeltAnew(text, 'e30.e30.b-b-'))).toEqual([true, true, true, false, false])
  })
})
