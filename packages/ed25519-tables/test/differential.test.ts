import { compareVerifiers } from './differential.ts'

const CASES = 100_000

// 1e7 of them: npm run differential:ed25519.
describe('a hundred thousand random and mutated signatures', () => {
  it('get one verdict from tables and from node:crypto', () => {
    const { differences, accepted, judgedByTables } = compareVerifiers({ seed: 'countermark', cases: CASES })
    expect(differences).toEqual([])
    // Neither side of the comparison may be empty, and it must be tables that answered.
    expect(accepted).toBeGreaterThan(CASES / 4)
    expect(CASES - accepted).toBeGreaterThan(CASES / 4)
    expect(judgedByTables).toBeGreaterThan(CASES / 2)
  }, 300_000)
})
