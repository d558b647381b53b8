import { FIRST_MODEL } from '../../scripts/measure-risk/models.ts'
import { measureRecall, type Operation } from '../../scripts/measure-risk/operations.ts'
import { measurePoisoning } from '../../scripts/measure-risk/poisoning.ts'

const effort = { seeds: [7], agents: 24, days: 10, logged: [], models: [FIRST_MODEL] }
const [first] = measureRecall(effort)
if (first === undefined) throw new TypeError('one model was asked for')
const figures = first

function foundBy({ kinds }: Operation): Record<string, number> {
  return Object.fromEntries(kinds.map(({ kind, found }) => [kind, found.mean]))
}

describe('attacks among benign traffic', () => {
  it('are measured at the shares of false throttles that were asked for', () => {
    expect(figures.strict.falseShare.mean).toBeLessThanOrEqual(0.001)
    expect(figures.loose.falseShare.mean).toBeLessThanOrEqual(0.01)
    expect(figures.byDefault.falseShare.mean).toBeLessThanOrEqual(0.01)
  })

  it.each(['stolen key, bulk export', 'credential stuffing', 'privilege probing', 'id walking', 'second network'])(
    '%s is answered within 20 requests at 0.1 %%',
    (kind) => {
      expect(foundBy(figures.strict)[kind]).toBeGreaterThanOrEqual(0.8)
    },
  )

  it('slow ones are answered at 1 %, three classes together, in half of the cases', () => {
    const found = foundBy(figures.loose)
    const slow = ['slow exfiltration', 'refund fraud in small amounts', 'night-time use'].map(
      (kind) => found[kind] ?? 0,
    )
    expect(slow.reduce((sum, share) => sum + share, 0) / slow.length).toBeGreaterThanOrEqual(0.5)
  })

  it('are the same for the same seed', () => {
    const small = { ...effort, seeds: [3], agents: 3, days: 2 }
    expect(measureRecall(small)).toEqual(measureRecall(small))
  })

  // A baseline grows to four times what it was, and twice the baseline is no excess.
  it.each([1.1, 1.2])('patience with %s times as much a day buys less than nine times in thirty days', (growth) => {
    expect(measurePoisoning(growth).bought).toBeLessThan(9)
  })
})
