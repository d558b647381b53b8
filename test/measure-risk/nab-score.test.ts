import {
  bestThreshold,
  probationOf,
  type Row,
  rowsOf,
  scaledSigmoid,
  scoreAt,
} from '../../scripts/measure-risk/nab/score.ts'

/** A hundred rows, one a second, probation up to row 15; one window over rows 40 to 49. */
function rowsWith(detections: Readonly<Record<number, number>>): Row[] {
  const times = Array.from({ length: 100 }, (_, index) => index)
  return rowsOf({ times, scores: times.map((time) => detections[time] ?? 0), windows: [{ from: 40, until: 49 }] })
}

function scoreOf(detections: Readonly<Record<number, number>>): number {
  return scoreAt(0.5, [rowsWith(detections)], [1]).normalised
}

describe('the score of the Numenta Anomaly Benchmark', () => {
  it('is 0 for a detector that says nothing', () => {
    expect(scoreOf({})).toBe(0)
  })

  it('is 100 for the first row of every window and nothing else', () => {
    expect(scoreOf({ 40: 1 })).toBeCloseTo(100, 10)
  })

  it('counts the earliest detection of a window and no other', () => {
    expect(scoreOf({ 40: 1, 41: 1, 49: 1 })).toBeCloseTo(100, 10)
    expect(scoreOf({ 45: 1, 49: 1 })).toBe(scoreOf({ 45: 1 }))
  })

  it('falls along the sigmoid from the left end of a window to the right one', () => {
    const worth = (position: number): number => 50 * (1 + scaledSigmoid(position) / scaledSigmoid(-1))
    expect(scoreOf({ 45: 1 })).toBeCloseTo(worth(-0.5), 10)
    expect(scoreOf({ 49: 1 })).toBeCloseTo(worth(-0.1), 10)
  })

  it('takes 0.11 for a false alarm before any window', () => {
    expect(scoreOf({ 20: 1, 40: 1 })).toBeCloseTo(100 * (1 - 0.11 / 2), 10)
  })

  it('takes less for a false alarm soon behind a window, and all of 0.11 far behind it', () => {
    expect(scoreOf({ 40: 1, 50: 1 })).toBeCloseTo(100 + (100 * 0.11 * scaledSigmoid(1 / 9)) / 2, 10)
    expect(scoreOf({ 40: 1, 90: 1 })).toBeCloseTo(100 * (1 - 0.11 / 2), 10)
  })

  it('leaves out the first 15 %, of 5,000 rows at most', () => {
    expect(scoreOf({ 14: 1, 40: 1 })).toBeCloseTo(100, 10)
    expect(scoreOf({ 15: 1, 40: 1 })).toBeLessThan(100)
    expect(probationOf(20_000)).toBe(750)
  })

  it('averages over windows: one of two found is a half, less what was false', () => {
    const all = [rowsWith({ 40: 1 }), rowsWith({})]
    expect(scoreAt(0.5, all, [1, 1])).toMatchObject({ found: 1, windows: 2, falseAlarms: 0 })
    expect(scoreAt(0.5, all, [1, 1]).normalised).toBeCloseTo(50, 10)
  })

  it('chooses the one threshold for all series that scores best', () => {
    const all = [rowsWith({ 20: 0.3, 40: 0.9 }), rowsWith({ 30: 0.2, 42: 0.4 })]
    const best = bestThreshold(all, [1, 1])
    expect(best).toMatchObject({ threshold: 0.4, found: 2, falseAlarms: 0 })
    expect(best.normalised).toBeCloseTo(scoreAt(0.4, all, [1, 1]).normalised, 10)
  })

  it('chooses silence where every alarm costs more than it finds', () => {
    expect(bestThreshold([rowsWith({ 20: 1 })], [1])).toMatchObject({ normalised: 0, found: 0 })
  })
})
