import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import fc from 'fast-check'
import { memoryBudgets } from '../src/budgets/memory-budgets.ts'
import { describeBudgetStore } from './describe-budget-store.ts'

describeBudgetStore('memory', async () => ({
  createStore: (options) => memoryBudgets(options),
  close: async () => undefined,
}))

describe('memoryBudgets', () => {
  it('never lets more pass than the limit in any stretch of the window', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 4 })), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(steps, (taken) => {
        const clock = createFakeClock()
        const environment = createTestEnvironment({ clock })
        const store = memoryBudgets()
        const passed: { readonly at: number; readonly cost: number }[] = []
        for (const [wait, cost] of taken) {
          clock.advance(wait)
          const claim = { key: 'k', windowSeconds: 60, limit: 5, cost, unit: 'requests' }
          const at = clock.monotonicMs()
          if (store.reserve([claim], environment).outcome === 'reserved') passed.push({ at, cost })
        }
        return passed.every(({ at }) => {
          const within = passed.filter((other) => other.at >= at && other.at < at + 60_000)
          return within.reduce((sum, { cost }) => sum + cost, 0) <= 5
        })
      }),
      { numRuns: 300 },
    )
  })

  it('has room for others when one agent makes up ever new budgets, and for it again once they are free', () => {
    const clock = createFakeClock()
    const environment = createTestEnvironment({ clock })
    const store = memoryBudgets({ maxCounters: 10, maxCountersPerAgent: 5 })
    const outcome = (agentId: string, key: string): string =>
      store.reserve([{ key, windowSeconds: 60, limit: 1, cost: 1, unit: 'requests', agentId }], environment).outcome
    const made = Array.from({ length: 10 }, (_, index) => outcome('agt_mallory', `made-up-${index}`))
    expect(made.filter((each) => each === 'reserved')).toHaveLength(5)
    expect(outcome('agt_buyer', 'honest')).toBe('reserved')
    clock.advance(70_000)
    expect(outcome('agt_mallory', 'later')).toBe('reserved')
  })

  it('keeps nothing of budgets that are free again', () => {
    const clock = createFakeClock()
    const environment = createTestEnvironment({ clock })
    const store = memoryBudgets({ maxCounters: 10 })
    const outcomes = Array.from({ length: 1000 }, (_, index) => {
      clock.advance(7000)
      return store.reserve(
        [{ key: String(index), windowSeconds: 60, limit: 1, cost: 1, unit: 'requests' }],
        environment,
      )
    })
    expect(outcomes.every(({ outcome }) => outcome === 'reserved')).toBe(true)
  })

  it('counts by the monotonic clock', () => {
    const clock = createFakeClock()
    const environment = createTestEnvironment({ clock })
    const store = memoryBudgets()
    const claim = { key: 'k', windowSeconds: 60, limit: 1, cost: 1, unit: 'requests' }
    store.reserve([claim], environment)
    clock.adjustWall(3_600_000)
    expect(store.reserve([claim], environment).outcome).toBe('exceeded')
  })
})

describe('memoryBudgets that cannot work', () => {
  it.each([[() => memoryBudgets({ maxCounters: 0 })], [() => memoryBudgets({ allowSingleProcess: 'yes' as never })]])(
    'does not start: %s',
    (create) => {
      expect(create).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
    },
  )
})
