import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import type { BudgetClaim, BudgetStore, Reservation } from '../src/budgets/budget-store.ts'

/** Stores of one kind, and what they need. */
export interface BudgetStoreUnderTest {
  /** A store that has counted nothing. */
  readonly createStore: (options?: { readonly maxCountersPerAgent?: number }) => BudgetStore & {
    readonly clear: () => void | Promise<void>
  }
  readonly close: () => Promise<void>
}

/** What every budget store promises. */
export function describeBudgetStore(name: string, open: () => Promise<BudgetStoreUnderTest>): void {
  describe(`a budget store: ${name}`, () => {
    let opened: BudgetStoreUnderTest
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(async () => opened.close())

    function start(options?: { readonly maxCountersPerAgent?: number }) {
      const clock = createFakeClock()
      const environment = createTestEnvironment({ clock })
      const store = opened.createStore(options)
      const reserve = async (...claims: readonly Partial<BudgetClaim>[]): Promise<Reservation> =>
        store.reserve(
          claims.map((claim) => ({ key: 'k', windowSeconds: 60, limit: 2, cost: 1, unit: 'requests', ...claim })),
          environment,
        )
      const outcome = async (...claims: readonly Partial<BudgetClaim>[]): Promise<Reservation['outcome']> =>
        (await reserve(...claims)).outcome
      return { clock, reserve, outcome, store }
    }

    it('lets pass as much as the limit', async () => {
      const { outcome } = start()
      expect([await outcome({}), await outcome({}), await outcome({})]).toEqual(['reserved', 'reserved', 'exceeded'])
    })

    it('says when there will be room', async () => {
      const { clock, reserve } = start()
      await reserve({ cost: 2 })
      clock.advance(30_000)
      const refused = await reserve({})
      const wait = refused.outcome === 'exceeded' ? refused.retryAfterSeconds : Number.NaN
      expect(wait).toBeGreaterThanOrEqual(30)
      expect(wait).toBeLessThanOrEqual(32)
      clock.advance(wait * 1000)
      expect((await reserve({})).outcome).toBe('reserved')
    })

    it('gives nothing free early', async () => {
      const { clock, outcome } = start()
      await outcome({ cost: 2 })
      clock.advance(59_999)
      expect(await outcome({})).toBe('exceeded')
    })

    it('keeps budgets apart by their keys', async () => {
      const { outcome } = start()
      await outcome({ cost: 2 })
      expect([await outcome({}), await outcome({ key: 'other' })]).toEqual(['exceeded', 'reserved'])
    })

    it('takes from all budgets or from none', async () => {
      const { outcome } = start()
      const both = [
        { key: 'a', limit: 5 },
        { key: 'b', limit: 1 },
      ]
      expect([await outcome(...both), await outcome(...both)]).toEqual(['reserved', 'exceeded'])
      expect(await outcome({ key: 'a', limit: 5, cost: 4 })).toBe('reserved')
    })

    it('lets one agent have so many counters, and others theirs', async () => {
      const { clock, outcome } = start({ maxCountersPerAgent: 2 })
      const by = (agentId: string, key: string) => outcome({ key, agentId })
      expect([await by('agt_a', 'a'), await by('agt_a', 'b'), await by('agt_a', 'c')]).toEqual([
        'reserved',
        'reserved',
        'exceeded',
      ])
      expect([await by('agt_b', 'd'), await by('agt_a', 'a')]).toEqual(['reserved', 'reserved'])
      clock.advance(63_000)
      expect(await by('agt_a', 'c')).toBe('reserved')
    })

    it('can be emptied', async () => {
      const { outcome, store } = start()
      await outcome({ cost: 2 })
      await store.clear()
      expect(await outcome({ cost: 2 })).toBe('reserved')
    })

    it('gives back, once', async () => {
      const { outcome, reserve } = start()
      const first = await reserve({ cost: 2 })
      if (first.outcome !== 'reserved') throw new Error('not reserved')
      await first.release()
      await first.release()
      expect([await outcome({ cost: 2 }), await outcome({})]).toEqual(['reserved', 'exceeded'])
    })

    it('gives nothing back that is free already', async () => {
      const { clock, outcome, reserve } = start()
      const first = await reserve({ cost: 2 })
      clock.advance(61_000)
      await outcome({ cost: 2 })
      if (first.outcome === 'reserved') await first.release()
      expect(await outcome({})).toBe('exceeded')
    })

    it('counts amounts up to what a double holds', async () => {
      const { outcome } = start()
      const limit = Number.MAX_SAFE_INTEGER
      expect([await outcome({ limit, cost: limit - 1 }), await outcome({ limit }), await outcome({ limit })]).toEqual([
        'reserved',
        'reserved',
        'exceeded',
      ])
    })

    it('lets exactly the limit pass of a hundred at once', async () => {
      const { outcome } = start()
      const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome({ limit: 7 })))
      expect(outcomes.filter((each) => each === 'reserved')).toHaveLength(7)
    })
  })
}
