import { createPlaceOrder } from '../../src/tokens/status-list/place-order.ts'
import { PLACES_PER_LIST } from '../../src/tokens/status-list/status-places.ts'

describe('the order of places', () => {
  it.each([1, 2, 3, 64, 1000, 2 ** 13])('reaches each of %i places once', (count) => {
    const order = createPlaceOrder('a secret', count)
    const places = new Set(Array.from({ length: count }, (_, n) => order(n)))
    expect([places.size, Math.min(...places), Math.max(...places)]).toEqual([count, 0, count - 1])
  })

  it('stays the same for one secret, and is another one for another secret', () => {
    const [one, again, other] = ['a', 'a', 'b'].map((secret) => createPlaceOrder(secret, PLACES_PER_LIST))
    const places = [one, again, other].map((order) => Array.from({ length: 32 }, (_, n) => order?.(n)))
    expect(places[1]).toEqual(places[0])
    expect(places[2]).not.toEqual(places[0])
  })
})

describe('an attacker who holds many tokens', () => {
  const order = createPlaceOrder('a secret of the authority', PLACES_PER_LIST)
  const places = Array.from({ length: 2048 }, (_, n) => order(n))

  it('finds no step that leads from one place to the next', () => {
    const steps = places.slice(1).map((place, n) => (place - (places[n] ?? 0) + PLACES_PER_LIST) % PLACES_PER_LIST)
    const counts = new Map<number, number>()
    for (const step of steps) counts.set(step, (counts.get(step) ?? 0) + 1)
    expect(Math.max(...counts.values())).toBeLessThan(5)
  })

  it('finds no multiplier and shift that tell more than a few places', () => {
    const [a = 0, b = 0] = places
    const step = (b - a + PLACES_PER_LIST) % PLACES_PER_LIST
    const told = places.filter((place, n) => place === (a + n * step) % PLACES_PER_LIST)
    expect(told.length).toBeLessThan(5)
  })
})
