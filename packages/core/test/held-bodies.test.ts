import { type HeldBack, HeldBodies } from '../src/node/held-bodies.ts'

const LIMITS = { maxBytes: 100, maxUnproven: 3, maxSeconds: 30 }

interface Watched extends HeldBack {
  readonly ends: string[]
}

function hold(bodies: HeldBodies, caller: 'proven' | 'unproven', bytes = 0): Watched {
  const ends: string[] = []
  const body: Watched = {
    bytes: 0,
    ticks: 0,
    isProven: caller === 'proven',
    ends,
    giveUp: (why) => void ends.push(why),
  }
  bodies.add(body)
  if (bytes > 0) bodies.grow(body, bytes)
  return body
}

describe('bodies that are held back', () => {
  it('make room with the one held longest', () => {
    const bodies = new HeldBodies(LIMITS)
    const [first, second] = [hold(bodies, 'unproven', 60), hold(bodies, 'unproven', 60)]
    expect([first.ends, second.ends]).toEqual([['crowded'], []])
  })

  it('make room with those of unproven callers before any of a proven one', () => {
    const bodies = new HeldBodies(LIMITS)
    const proven = hold(bodies, 'proven', 90)
    const stranger = hold(bodies, 'unproven', 90)
    expect([proven.ends, stranger.ends]).toEqual([[], ['crowded']])
    hold(bodies, 'proven', 90)
    expect(proven.ends).toEqual(['crowded'])
  })

  it('are so many of unproven callers and no more, however small', () => {
    const bodies = new HeldBodies(LIMITS)
    const [first, ...others] = [1, 2, 3, 4].map(() => hold(bodies, 'unproven'))
    expect([first?.ends, others.flatMap(({ ends }) => ends)]).toEqual([['crowded'], []])
  })

  it('are as many of proven callers as fit', () => {
    const bodies = new HeldBodies(LIMITS)
    expect([1, 2, 3, 4, 5, 6].flatMap(() => hold(bodies, 'proven', 10).ends)).toEqual([])
  })

  it('give their room back', () => {
    const bodies = new HeldBodies(LIMITS)
    bodies.remove(hold(bodies, 'proven', 90))
    const next = hold(bodies, 'proven', 90)
    bodies.remove(next)
    bodies.remove(next)
    expect(hold(bodies, 'proven', 100).ends).toEqual([])
  })

  describe('with time', () => {
    beforeEach(() => void jest.useFakeTimers())
    afterEach(() => void jest.useRealTimers())

    it.each(['proven', 'unproven'] as const)('are given up after it, at most a tenth later: %s', (caller) => {
      const bodies = new HeldBodies(LIMITS)
      hold(bodies, 'proven')
      jest.advanceTimersByTime(2_000)
      const body = hold(bodies, caller)
      jest.advanceTimersByTime(30_000)
      expect(body.ends).toEqual([])
      jest.advanceTimersByTime(3_000)
      expect(body.ends).toEqual(['late'])
    })

    it('leave no timer behind once all are gone', () => {
      const bodies = new HeldBodies(LIMITS)
      bodies.remove(hold(bodies, 'proven'))
      jest.advanceTimersByTime(3_000)
      expect(jest.getTimerCount()).toBe(0)
    })
  })
})
