import type { Clock } from '@countermark/core'
import type { Assessment, Standing } from '../assessment.ts'
import { demandOf } from '../levels/answer.ts'
import { type RiskLevel, rankOf } from '../levels/levels.ts'
import { type Assessor, createAssessor } from '../memory/assessor.ts'
import type { EndedRequest, Observation } from '../observation.ts'
import type { Review } from '../review/decision.ts'
import type { LevelChange, RiskSettings } from '../risk-store.ts'
import { CALM } from '../sketch/sketches.ts'
import { onlyAssessment, type ScoresAnswer, type ScoresQuestion, type ToldRequest } from './wire.ts'

/** What an engine needs to know. */
export interface EngineSettings extends RiskSettings {
  readonly maxAgents: number
  readonly clock: Clock
}

/** The behaviour of all agents, in one process. */
export interface RiskEngine {
  /** Observes requests, and says how their agents stand. */
  readonly answer: (question: ScoresQuestion) => ScoresAnswer
  /** Seconds until the agent may send; 0 for now. */
  readonly takeTurn: (agentId: string) => number
  /** Takes what an event tells. Times of events are theirs, but never later than now. */
  readonly observe: (observation: Observation) => void
  readonly end: (ended: EndedRequest) => void
  readonly review: (agentId: string, review: Review) => Standing
  readonly find: (agentId: string) => Standing | undefined
  /** Agents at a level or above it, some at most. */
  readonly list: (from: RiskLevel, most: number) => readonly Standing[]
  readonly assessor: Assessor
}

/** Makes an engine. */
export function createEngine(settings: EngineSettings): RiskEngine {
  const { clock, onChange } = settings
  let heard: LevelChange[] = []
  const assessor = createAssessor({
    ...settings,
    onChange: (change) => {
      heard.push(change)
      onChange(change)
    },
  })
  const standingOf = (agentId: string, atMs: number): Assessment => assessor.find(agentId, atMs) ?? CALM
  /** A slowed agent takes its turn in the same step: that spares the check a second question. */
  function withTurn(
    assessment: Assessment,
    { agentId, isSafe, hadTurn = false }: ToldRequest,
    atMs: number,
  ): Assessment {
    if (hadTurn || demandOf(assessment.level, isSafe) !== 'turn') return assessment
    return { ...assessment, waitSeconds: assessor.takeTurn(agentId, atMs) }
  }
  return {
    answer: ({ requests, agents, ended }) => {
      const atMs = clock.wallMs()
      heard = []
      for (const end of ended) assessor.tell({ ...end, atMs })
      const scores = [
        ...requests.map((request) => onlyAssessment(withTurn(assessor.assess({ ...request, atMs }), request, atMs))),
        ...agents.map((agentId) => onlyAssessment(standingOf(agentId, atMs))),
      ]
      return { scores, changes: heard }
    },
    takeTurn: (agentId) => assessor.takeTurn(agentId, clock.wallMs()),
    observe: (observation) => {
      heard = []
      assessor.assess({ ...observation, atMs: Math.min(observation.atMs, clock.wallMs()) })
    },
    end: (ended) => {
      heard = []
      assessor.tell({ ...ended, atMs: Math.min(ended.atMs, clock.wallMs()) })
    },
    review: (agentId, review) => assessor.review(agentId, review, clock.wallMs()),
    find: (agentId) => assessor.find(agentId, clock.wallMs()),
    list: (from, most) => {
      const found = assessor.agentsFrom(rankOf(from), most)
      return found.flatMap((agentId) => assessor.find(agentId, clock.wallMs()) ?? [])
    },
    assessor,
  }
}
