import fc from 'fast-check'
import { createGate } from '../src/admission.ts'

describe('a gate', () => {
  it('hands a place to the caller who waits longest, and refuses those for whom there is no room', async () => {
    const gate = createGate({ concurrent: 1, waiting: 2 })
    const order: string[] = []
    const pass = (name: string): Promise<unknown> =>
      gate.pass(
        async () => order.push(name),
        () => new RangeError('full'),
      )
    expect(gate.tryEnter()).toBe(true)
    const waiting = [pass('first'), pass('second')]
    await expect(pass('third')).rejects.toThrow(RangeError)
    expect(order).toEqual([])
    gate.leave()
    expect(gate.tryEnter()).toBe(false)
    await Promise.all(waiting)
    expect(order).toEqual(['first', 'second'])
    expect(gate.tryEnter()).toBe(true)
  })

  it('is left by work that fails', async () => {
    const gate = createGate({ concurrent: 1, waiting: 0 })
    const failing = gate.pass(
      () => Promise.reject(new RangeError('failed')),
      () => new Error('full'),
    )
    await expect(failing).rejects.toThrow(RangeError)
    expect(gate.tryEnter()).toBe(true)
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
