import { requireProgram } from '@countermark/testing'
import { measureCut } from '../../scripts/measure-stop/cut.ts'
import { measureRotations } from '../../scripts/measure-stop/rotations.ts'
import { openStage, type Stage } from '../../scripts/measure-stop/stage.ts'
import { measureStops } from '../../scripts/measure-stop/stops.ts'

const STOPS = 4
const ways = requireProgram('redis-server') === undefined ? (['stream'] as const) : (['stream', 'redis'] as const)

describe.each(ways)('two guarded processes that hear of stops by %s', (push) => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ push, doors: 2, agents: STOPS })
  }, 120_000)
  afterAll(() => stage.close())

  it('refuse each stopped agent and key within a second, and refuse no other agent', async () => {
    const { outcomes, links, others } = await measureStops(stage, 1)
    expect(outcomes).toHaveLength(STOPS)
    expect(Math.max(...outcomes.map(({ sinceAnswered }) => sinceAnswered))).toBeLessThanOrEqual(1000)
    expect(links).toEqual([push, push])
    expect([others.sent > 0, others.refused]).toEqual([true, 0])
  }, 60_000)

  it('refuse no request of agents that take new keys all the while', async () => {
    const { sent, refused } = await measureRotations(stage, 8)
    expect([sent > 0, refused]).toEqual([true, []])
  }, 60_000)
})

// By Redis such a door would go on hearing of stops: only what it asks for is cut.
describe('a guarded process whose link to the authority is cut', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ push: 'stream', doors: 1, agents: 1, staleAfterSeconds: 2 })
  }, 120_000)
  afterAll(() => stage.close())

  // Two seconds stand for the thirty that are usual, four for a minute.
  it('refuses what changes something meanwhile, and lets in no agent that was stopped meanwhile', async () => {
    const { refusedAfterMs, safe, wasLetIn, knownAfterMs } = await measureCut(stage, 4000)
    expect([safe, wasLetIn]).toEqual([200, false])
    expect(refusedAfterMs).toBeLessThanOrEqual(3000)
    expect(knownAfterMs).toBeLessThanOrEqual(3000)
  }, 60_000)
})
