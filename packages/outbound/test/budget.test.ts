import fc from 'fast-check'
import { createBudget } from '../src/admission.ts'
import { backoffMs } from '../src/outage.ts'

describe('backoffMs', () => {
  const rules = { firstMs: 1_000, factor: 4, longestMs: 60_000 }

  it('grows fourfold up to the longest wait', () => {
    const waits = [1, 2, 3, 4, 5, 1_000].map((failures) => backoffMs(failures, { ...rules, random: () => 0 }))
    expect(waits).toEqual([1_000, 4_000, 16_000, 60_000, 60_000, 60_000])
  })

  it('is shortened by less than a quarter', () => {
    const wait = fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, drawn) => {
        const full = backoffMs(failures, { ...rules, random: () => 0 })
        const actual = backoffMs(failures, { ...rules, random: () => drawn })
        expect(actual).toBeLessThanOrEqual(full)
        expect(actual).toBeGreaterThan(full * 0.75)
      },
    )
    fc.assert(wait)
  })
})

describe('a budget', () => {
  it('never grants more than its size at once plus its rate', () => {
    const steps = fc.array(
      fc.record({ waitMs: fc.integer({ min: 0, max: 10_000 }), tries: fc.integer({ min: 0, max: 20 }) }),
    )
    const history = fc.property(steps, (history) => {
      const budget = createBudget(10)
      let nowMs = 0
      let granted = 0
      for (const { waitMs, tries } of history) {
        nowMs += waitMs
        for (let attempt = 0; attempt < tries; attempt++) if (budget.take(nowMs)) granted++
      }
      expect(granted).toBeLessThanOrEqual(10 + (nowMs / 60_000) * 10 + 1e-6)
    })
    fc.assert(history)
  })

  it('takes back what was worth it, up to its size', () => {
    const budget = createBudget(1)
    expect(budget.take(0)).toBe(true)
    budget.giveBack()
    budget.giveBack()
    expect([budget.take(0), budget.take(0)]).toEqual([true, false])
  })

  it('does not lose tries to a clock that stands still or goes back', () => {
    const budget = createBudget(1)
    budget.take(60_000)
    expect([budget.take(0), budget.take(0)]).toEqual([false, false])
    expect(budget.take(60_000)).toBe(true)
  })
})
