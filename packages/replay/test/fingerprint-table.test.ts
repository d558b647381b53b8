import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { FingerprintTable } from '../src/memory-replay-store.ts'

function idOf(index: number): Buffer {
  return createHash('sha256').update(String(index)).digest()
}

describe('the fingerprint table', () => {
  it('has what was added until its last second, like a map', () => {
    const step = fc.record({ id: fc.nat(40), lifetime: fc.nat(50), wait: fc.nat(5) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new FingerprintTable()
        const model = new Map<number, number>()
        let now = 1000
        for (const { id, lifetime, wait } of steps) {
          now += wait
          if (table.has(idOf(id), now) !== (model.get(id) ?? 0) >= now) return false
          table.addFound(now + lifetime, now)
          model.set(id, now + lifetime)
        }
        return [...model].every(([id, last]) => table.has(idOf(id), now) === last >= now)
      }),
    )
  })

  it('forgets none of twenty thousand live ids', () => {
    const table = new FingerprintTable()
    for (let index = 0; index < 20_000; index++) {
      table.has(idOf(index), 1000)
      table.addFound(2000, 1000)
    }
    let forgotten = 0
    for (let index = 0; index < 20_000; index++) if (!table.has(idOf(index), 2000)) forgotten += 1
    expect(forgotten).toBe(0)
    expect(table.has(idOf(20_000), 1000)).toBe(false)
  })
})
