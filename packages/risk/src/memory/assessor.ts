import type { Assessment, Standing } from '../assessment.ts'
import { levelAt } from '../levels/levels.ts'
import type { EndedRequest, Observation } from '../observation.ts'
import type { Review } from '../review/decision.ts'
import { applyReview } from '../review/review.ts'
import type { RiskSettings } from '../risk-store.ts'
import { addEvidence, fadeEvidence } from '../score/score.ts'
import { SIGNAL_NAMES, type SignalName, WEIGHT_AT } from '../score/weights.ts'
import { lookAtNetwork } from '../signals/address.ts'
import type { Moment } from '../signals/signal.ts'
import { END_SIGNALS, REQUEST_SIGNALS } from '../signals/signals.ts'
import { createTrend } from '../signals/trend.ts'
import { createUnpacked } from '../sketch/blocks.ts'
import { CELL } from '../sketch/layout.ts'
import { CALM, createSketches, type Sketch } from '../sketch/sketches.ts'
import { beginCells, healClock } from '../sketch/times.ts'
import { createKeptAgents, type KeptAgents, takeNote } from './kept-agents.ts'
import { isCalm, moveLevels, say, standingOf } from './standing.ts'

/** What an assessor needs to know. */
export interface AssessorSettings extends RiskSettings {
  readonly maxAgents: number
}

/** Assesses requests in this process. Nothing of it waits. */
export interface Assessor extends KeptAgents {
  readonly assess: (observation: Observation) => Assessment
  /** What was said of an agent last. */
  readonly latest: (agentId: string) => Assessment
  readonly tell: (ended: EndedRequest) => void
  readonly takeTurn: (agentId: string, atMs: number) => number
  readonly review: (agentId: string, review: Review, atMs: number) => Standing
  /** Changes nothing: a look at an agent neither teaches nor ends anything. */
  readonly find: (agentId: string, atMs: number) => Standing | undefined
  readonly size: () => number
  readonly countRanks: () => readonly number[]
}

/** One request a second. */
const TURN_SECONDS = 1
/** Active days in which an agent shows what is usual for it. */
const SETTLING_DAYS = 7
const TREND = SIGNAL_NAMES.indexOf('request_trend')

/** Makes an assessor with a sketch for each agent. */
export function createAssessor({ rules, maxAgents, network, onChange, onSignal }: AssessorSettings): Assessor {
  const sketches = createSketches(maxAgents)
  const moment = createMoment()
  const { cells } = moment
  const trend = createTrend(sketches.trends)

  function create(agentId: string, atMs: number): Sketch {
    const sketch = sketches.create(agentId)
    beginCells(moment, atMs / 1000)
    sketches.save(sketch, moment)
    trend.forget(sketch.place)
    return sketch
  }

  function begin(sketch: Sketch, atMs: number): void {
    sketches.load(sketch, moment)
    const atSeconds = healClock(cells, atMs / 1000)
    moment.atSeconds = atSeconds
    fadeEvidence(cells, atSeconds)
    const isExpected = atSeconds < (cells[CELL.expectUntil] as number)
    moment.widen = isExpected ? (cells[CELL.expectFactor] as number) : 1
    moment.isProbation =
      (cells[CELL.requests] as number) < rules.probationRequests ||
      atSeconds - (cells[CELL.firstAt] as number) < rules.probationSeconds
    moment.isSettling = (cells[CELL.activeDays] as number) <= SETTLING_DAYS
    const [rank, wouldBe] = [cells[CELL.rank] as number, cells[CELL.wouldRank] as number]
    // Who settles in goes beyond its first hours now and then: were nothing learned of that, they would count for ever.
    moment.isLearning = !isExpected && (moment.isSettling ? rank <= 1 : rank === 0 && wouldBe === 0)
  }

  function note(index: number, strength: number): void {
    if (strength <= 0 || (moment.isProbation && WEIGHT_AT[index]?.isLearned === true)) return
    addEvidence(cells, index, strength)
    cells[CELL.figures + 2 * index] = moment.seen
    cells[CELL.figures + 2 * index + 1] = moment.compared
    onSignal(SIGNAL_NAMES[index] as SignalName)
  }

  /** Moves the level, tells of it, and puts an agent's numbers back where they are kept. */
  function settle(sketch: Sketch, before = cells[CELL.rank] as number, review?: Review): Assessment {
    if (before === 0 && isCalm(cells)) sketch.assessment = CALM
    else {
      const { atSeconds } = moment
      const score = moveLevels(cells, atSeconds, rules)
      sketch.assessment = say(cells, score, sketch.assessment)
      if (cells[CELL.rank] !== before) {
        const { level, reasons } = sketch.assessment
        const atMs = Math.round(atSeconds * 1000)
        const { by = 'signals', why } = review ?? {}
        onChange({ agentId: sketch.agentId, from: levelAt(before), to: level, atMs, score, reasons, by, why })
      }
    }
    takeNote(sketch, cells)
    sketches.save(sketch, moment)
    return sketch.assessment
  }

  return {
    assess: (observation) => {
      const { agentId, atMs } = observation
      const sketch = sketches.find(agentId) ?? create(agentId, atMs)
      begin(sketch, atMs)
      lookAtNetwork(sketch, moment, observation, network)
      for (let at = 0; at < REQUEST_SIGNALS.length; at++) {
        const { index, signal } = REQUEST_SIGNALS[at] as (typeof REQUEST_SIGNALS)[number]
        note(index, signal.judge(moment, observation, rules))
      }
      cells[CELL.lastAt] = moment.atSeconds
      if (observation.isRepeated !== true) {
        note(TREND, trend.count(sketch.place, moment))
        cells[CELL.requests] = (cells[CELL.requests] as number) + 1
      }
      return settle(sketch)
    },
    latest: (agentId) => sketches.find(agentId)?.assessment ?? CALM,
    tell: (ended) => {
      // Only what was assessed has a sketch: how a request of no proven agent ends moves nothing.
      const sketch = sketches.find(ended.agentId)
      if (sketch === undefined) return
      begin(sketch, ended.atMs)
      for (const { index, signal } of END_SIGNALS) note(index, signal.judge(moment, ended, rules))
      settle(sketch)
    },
    takeTurn: (agentId, atMs) => {
      const sketch = sketches.find(agentId)
      if (sketch === undefined) return 0
      begin(sketch, atMs)
      const wait = (cells[CELL.nextTurnAt] as number) - moment.atSeconds
      if (wait > 0) return wait
      cells[CELL.nextTurnAt] = moment.atSeconds + TURN_SECONDS
      sketches.save(sketch, moment)
      return 0
    },
    review: (agentId, review, atMs) => {
      const sketch = sketches.find(agentId) ?? create(agentId, atMs)
      begin(sketch, atMs)
      const before = cells[CELL.rank] as number
      applyReview(cells, review, moment.atSeconds)
      return standingOf(agentId, cells, settle(sketch, before, review), moment.atSeconds)
    },
    find: (agentId, atMs) => {
      const sketch = sketches.find(agentId)
      if (sketch === undefined) return undefined
      begin(sketch, atMs)
      const said = isCalm(cells) ? CALM : say(cells, moveLevels(cells, moment.atSeconds, rules), CALM)
      return standingOf(agentId, cells, said, moment.atSeconds)
    },
    size: sketches.size,
    countRanks: sketches.countRanks,
    ...createKeptAgents(sketches),
  }
}

function createMoment(): Moment {
  const figures = { seen: 0, compared: 0 }
  const learning = { isLearning: false, isProbation: false, isSettling: false }
  return { ...createUnpacked(), atSeconds: 0, ...learning, widen: 1, prefix: 0, place: undefined, ...figures }
}
