import { createVelocity, VELOCITY_CELLS, type Velocity } from '../src/signals/velocity.ts'

const FIVE_MINUTES = 300

/** Two weeks of a daily rhythm between 20 and 80 with a little noise; returns the highest score after the first three days. */
function rhythm(velocity: Velocity, days = 14): number {
  let most = 0
  let state = 1
  for (let step = 0; step < days * 288; step++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    const value = 50 + 30 * Math.sin((step / 288) * 2 * Math.PI) + (state / 2_147_483_648) * 2
    const score = velocity.observe(value, step * FIVE_MINUTES)
    if (step > 3 * 288) most = Math.max(most, score)
  }
  return most
}

const afterRhythm = 14 * 288 * FIVE_MINUTES

describe('velocity', () => {
  it('finds nothing in a daily rhythm once it saw three days', () => {
    expect(rhythm(createVelocity())).toBeLessThan(1)
  })

  it('alarms at the first count far beyond what it ever saw, and says so with figures', () => {
    const velocity = createVelocity()
    rhythm(velocity)
    expect(velocity.observe(300, afterRhythm)).toBeGreaterThan(1)
    expect(velocity.sentence()).toMatch(/^a distance from the mean at this hour of 2\d\d; -\d\S* to \d\S* is usual$/)
  })

  it('alarms once for what goes on', () => {
    const velocity = createVelocity()
    rhythm(velocity)
    const scores = Array.from({ length: 5 }, (_, step) => velocity.observe(300, afterRhythm + step * FIVE_MINUTES))
    expect(scores.filter((score) => score >= 1)).toHaveLength(1)
  })

  it('alarms where a rhythm stops', () => {
    const velocity = createVelocity()
    rhythm(velocity)
    const scores = Array.from({ length: 60 }, (_, step) => velocity.observe(50, afterRhythm + step * FIVE_MINUTES))
    expect(Math.max(...scores)).toBeGreaterThan(1)
  })

  it('says nothing of a constant series, nor in its first fifty values', () => {
    const velocity = createVelocity()
    const constant = Array.from({ length: 500 }, (_, step) => velocity.observe(9, step * FIVE_MINUTES))
    expect(Math.max(...constant)).toBeLessThan(0.001)
    const fresh = createVelocity()
    const first = Array.from({ length: 50 }, (_, step) => fresh.observe(step ** 3, step * FIVE_MINUTES))
    expect(Math.max(...first)).toBe(0)
  })

  it('has no sentence before its first alarm', () => {
    expect(createVelocity().sentence()).toBe('')
  })

  it('keeps everything in cells that it is given, so that another process goes on with them', () => {
    const [cells, whole] = [new Float64Array(VELOCITY_CELLS), createVelocity()]
    const first = createVelocity(cells)
    rhythm(first)
    rhythm(whole)
    expect(createVelocity(cells).observe(200, afterRhythm)).toBe(whole.observe(200, afterRhythm))
  })
})
