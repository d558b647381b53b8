import type { Assessment, Standing } from '../assessment.ts'
import { type EvidenceSum, levelAt, nextRank } from '../levels/levels.ts'
import type { EndedRequest, Observation } from '../observation.ts'
import type { RiskRules } from '../policy/policy.ts'
import type { Review } from '../review/decision.ts'
import { applyReview, holdLevel } from '../review/review.ts'
import type { RiskSettings } from '../risk-store.ts'
import { addEvidence, countingSignals, fadeEvidence, sumEvidence } from '../score/score.ts'
import { SIGNAL_NAMES, type SignalName, WEIGHT_AT } from '../score/weights.ts'
import { lookAtNetwork } from '../signals/address.ts'
import type { Moment } from '../signals/signal.ts'
import { END_SIGNALS, REQUEST_SIGNALS, SENTENCES } from '../signals/signals.ts'
import { CELL } from '../sketch/layout.ts'
import { CALM, createSketches, type Sketch } from '../sketch/sketches.ts'

/** What an assessor needs to know. */
export interface AssessorSettings extends RiskSettings {
  readonly maxAgents: number
}

/** Assesses requests in this process. Nothing of it waits. */
export interface Assessor {
  readonly assess: (observation: Observation) => Assessment
  readonly tell: (ended: EndedRequest) => void
  readonly takeTurn: (agentId: string, atMs: number) => number
  readonly review: (agentId: string, review: Review, atMs: number) => Standing
  readonly find: (agentId: string, atMs: number) => Standing | undefined
  readonly size: () => number
  readonly countRanks: () => readonly number[]
}

/** One request a second. */
const TURN_SECONDS = 1

/** Makes an assessor with a sketch for each agent. */
export function createAssessor({ rules, maxAgents, network, onChange, onSignal }: AssessorSettings): Assessor {
  const sketches = createSketches(maxAgents)
  const moment = createMoment()

  function begin({ cells, words }: Sketch, atSeconds: number): void {
    moment.cells = cells
    moment.words = words
    moment.atSeconds = atSeconds
    fadeEvidence(cells, atSeconds)
    const isExpected = atSeconds < (cells[CELL.expectUntil] as number)
    moment.widen = isExpected ? (cells[CELL.expectFactor] as number) : 1
    moment.isLearning = cells[CELL.rank] === 0 && cells[CELL.wouldRank] === 0 && !isExpected
    moment.isProbation =
      (cells[CELL.requests] as number) < rules.probationRequests ||
      atSeconds - (cells[CELL.firstAt] as number) < rules.probationSeconds
  }

  function note(index: number, strength: number): void {
    if (strength <= 0 || (moment.isProbation && WEIGHT_AT[index]?.isLearned === true)) return
    const { cells } = moment
    addEvidence(cells, index, strength)
    cells[CELL.figures + 2 * index] = moment.seen
    cells[CELL.figures + 2 * index + 1] = moment.compared
    onSignal(SIGNAL_NAMES[index] as SignalName)
  }

  function settle(sketch: Sketch, before = sketch.cells[CELL.rank] as number, review?: Review): Assessment {
    const { cells } = sketch
    const { atSeconds } = moment
    if (before === 0 && isCalm(cells)) {
      sketch.assessment = CALM
      return CALM
    }
    const all = sumEvidence(cells, true)
    moveRank(cells, CELL.wouldRank, all, atSeconds, rules)
    moveRank(cells, CELL.rank, rules.isBaselineEnforced ? all : sumEvidence(cells, false), atSeconds, rules)
    holdLevel(cells, atSeconds)
    const rank = cells[CELL.rank] as number
    const score = Math.round(all.score)
    sketch.assessment = say(sketch, score, rank)
    if (rank !== before) {
      const { level, reasons } = sketch.assessment
      const atMs = Math.round(atSeconds * 1000)
      const { by = 'signals', why } = review ?? {}
      onChange({ agentId: sketch.agentId, from: levelAt(before), to: level, atMs, score, reasons, by, why })
    }
    return sketch.assessment
  }

  function standingOf(sketch: Sketch): Standing {
    const { cells, agentId, assessment } = sketch
    const held = cells[CELL.heldUntil] as number
    const evidence = countingSignals(cells).map((index) => ({
      signal: SIGNAL_NAMES[index] as SignalName,
      points: cells[CELL.evidence + index] as number,
      sentence: sentenceAt(cells, index),
    }))
    const sinceMs = (cells[CELL.rankAt] as number) * 1000
    return { ...assessment, agentId, sinceMs, heldUntilMs: held > moment.atSeconds ? held * 1000 : undefined, evidence }
  }

  return {
    assess: (observation) => {
      const atSeconds = observation.atMs / 1000
      const sketch = sketches.open(observation.agentId, atSeconds)
      begin(sketch, atSeconds)
      lookAtNetwork(sketch, moment, observation, network)
      for (let at = 0; at < REQUEST_SIGNALS.length; at++) {
        const { index, signal } = REQUEST_SIGNALS[at] as (typeof REQUEST_SIGNALS)[number]
        note(index, signal.judge(moment, observation, rules))
      }
      sketch.cells[CELL.lastAt] = atSeconds
      if (observation.isRepeated !== true) sketch.cells[CELL.requests] = (sketch.cells[CELL.requests] as number) + 1
      return settle(sketch)
    },
    tell: (ended) => {
      // Only what was assessed has a sketch: how a request of no proven agent ends moves nothing.
      const sketch = sketches.find(ended.agentId)
      if (sketch === undefined) return
      begin(sketch, ended.atMs / 1000)
      for (const { index, signal } of END_SIGNALS) note(index, signal.judge(moment, ended, rules))
      settle(sketch)
    },
    takeTurn: (agentId, atMs) => {
      const cells = sketches.find(agentId)?.cells
      if (cells === undefined) return 0
      const wait = (cells[CELL.nextTurnAt] as number) - atMs / 1000
      if (wait > 0) return wait
      cells[CELL.nextTurnAt] = atMs / 1000 + TURN_SECONDS
      return 0
    },
    review: (agentId, review, atMs) => {
      const atSeconds = atMs / 1000
      const sketch = sketches.open(agentId, atSeconds)
      begin(sketch, atSeconds)
      const before = sketch.cells[CELL.rank] as number
      applyReview(sketch.cells, review, atSeconds)
      settle(sketch, before, review)
      return standingOf(sketch)
    },
    find: (agentId, atMs) => {
      const sketch = sketches.find(agentId)
      if (sketch === undefined) return undefined
      begin(sketch, atMs / 1000)
      settle(sketch)
      return standingOf(sketch)
    },
    size: sketches.size,
    countRanks: sketches.countRanks,
  }
}

function createMoment(): Moment {
  const [cells, words] = [new Float64Array(0), new Uint32Array(0)]
  const figures = { seen: 0, compared: 0 }
  return {
    cells,
    words,
    atSeconds: 0,
    isLearning: false,
    isProbation: false,
    widen: 1,
    prefix: 0,
    place: undefined,
    ...figures,
  }
}

function isCalm(cells: Float64Array): boolean {
  return (
    cells[CELL.hasEvidence] === 0 &&
    cells[CELL.rank] === 0 &&
    cells[CELL.wouldRank] === 0 &&
    cells[CELL.heldUntil] === 0
  )
}

/** Moves a level by the evidence; the cell behind it says since when. */
function moveRank(cells: Float64Array, cell: number, sum: EvidenceSum, atSeconds: number, rules: RiskRules): void {
  const rank = cells[cell] as number
  const next = nextRank(rank, atSeconds - (cells[cell + 1] as number), sum, rules.levels)
  if (next === rank) return
  cells[cell] = next
  cells[cell + 1] = atSeconds
}

/** What is said stays one object for as long as it is the same. */
function say({ cells, assessment }: Sketch, score: number, rank: number): Assessment {
  const [level, wouldBe] = [levelAt(rank), levelAt(cells[CELL.wouldRank] as number)]
  const isSame = assessment.score === score && assessment.level === level && assessment.wouldBe === wouldBe
  if (isSame) return assessment
  const reasons = countingSignals(cells).map((index) => sentenceAt(cells, index))
  return Object.freeze({ score, level, wouldBe, reasons: Object.freeze(reasons) })
}

function sentenceAt(cells: Float64Array, index: number): string {
  const [seen, compared] = [cells[CELL.figures + 2 * index], cells[CELL.figures + 2 * index + 1]]
  return SENTENCES[index]?.(seen as number, compared as number) ?? ''
}
