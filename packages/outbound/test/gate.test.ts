import fc from 'fast-check'
import { createGate } from '../src/gate.ts'

describe('a gate', () => {
  it('hands a place to whoever waits longest', async () => {
    const gate = createGate({ concurrent: 1, waiting: 2 })
    const order: string[] = []
    await gate.enter()
    void gate.enter()?.then(() => order.push('first'))
    void gate.enter()?.then(() => order.push('second'))
    expect(gate.enter()).toBeUndefined()
    gate.leave()
    expect(gate.tryEnter()).toBe(false)
    gate.leave()
    await Promise.resolve()
    expect(order).toEqual(['first', 'second'])
  })

  it('never has more inside than it may, and is empty in the end', () => {
    const history = fc.property(fc.array(fc.boolean()), (steps) => {
      const gate = createGate({ concurrent: 3, waiting: 0 })
      let inside = 0
      for (const enters of steps) {
        if (enters && gate.tryEnter()) inside++
        else if (!enters && inside > 0) {
          gate.leave()
          inside--
        }
        expect(inside).toBeLessThanOrEqual(3)
      }
      while (inside-- > 0) gate.leave()
      expect([gate.tryEnter(), gate.tryEnter(), gate.tryEnter(), gate.tryEnter()]).toEqual([true, true, true, false])
    })
    fc.assert(history)
  })
})
