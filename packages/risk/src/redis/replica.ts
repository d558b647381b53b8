import type { Assessment, Standing } from '../assessment.ts'
import { demandOf } from '../levels/answer.ts'
import { levelAt, rankOf } from '../levels/levels.ts'
import { type AssessorSettings, createAssessor } from '../memory/assessor.ts'
import type { Observation } from '../observation.ts'
import type { Review } from '../review/decision.ts'
import { type Entry, readEntry } from './entries.ts'
import { readSnapshot, writeSnapshot } from './snapshots.ts'

/** What Redis answered, by numbers of entries. */
export interface Reply {
  readonly epoch: string
  readonly seq: number
  readonly from: number
  readonly at: number
  readonly snapshot: string
  readonly entries: readonly string[]
}

/** What came of the last of the caller's own entries. */
export interface Outcome {
  /** For a request. */
  readonly assessment?: Assessment
  /** For a review. */
  readonly standing?: Standing
  /** A snapshot to be kept: the level has changed, or Redis has lost what was there. */
  readonly isWorthKeeping: boolean
  /** A level that this process found while Redis did not answer, and that the log does not know. */
  readonly toldNowhere: Review | undefined
}

/** How far an agent's log was followed. */
export interface Place {
  epoch: string
  seq: number
  /** Requests were assessed without the log. */
  isAlone: boolean
}

/** A copy of each agent, made by following its log: the same in every process. */
export interface Replica {
  /** How far an agent was followed; `undefined` for one that is not remembered here. */
  readonly placeOf: (agentId: string) => Place | undefined
  /** Follows a log; the last `own` entries are the caller's, and only of what they change anybody is told. */
  readonly follow: (agentId: string, reply: Reply, own: readonly Entry[], nowMs: number) => Outcome
  readonly snapshotOf: (agentId: string) => string | undefined
  /** Assesses without the log. */
  readonly assessAlone: (observation: Observation) => Assessment
  readonly assessor: ReturnType<typeof createAssessor>
}

/** For so long a level that was found alone holds everywhere. Seconds. */
const TOLD_SECONDS = 600

/** Makes the copies. */
export function createReplica(settings: AssessorSettings): Replica {
  const places = new Map<string, Place>()
  let isSilent = false
  let hasChanged = false
  const assessor = createAssessor({
    ...settings,
    onChange: (change) => {
      hasChanged = true
      if (!isSilent) settings.onChange(change)
    },
    onSignal: (signal) => {
      if (!isSilent) settings.onSignal(signal)
    },
  })

  function placeOf(agentId: string): Place | undefined {
    return assessor.has(agentId) ? places.get(agentId) : undefined
  }

  function note(agentId: string, place: Place): Place {
    places.delete(agentId)
    places.set(agentId, place)
    const [oldest] = places.size > settings.maxAgents ? places.keys() : []
    if (oldest !== undefined) places.delete(oldest)
    return place
  }

  /** Takes up the base on which the entries of a reply stand. Says whether what is here is more than what Redis has. */
  function takeBase(agentId: string, { epoch, from, at, snapshot }: Reply, before: Place | undefined): boolean {
    const isSame = before?.epoch === epoch
    if (isSame && before.isAlone === false && before.seq >= from - 1) return false
    const kept = snapshot === '' ? undefined : readSnapshot(agentId, snapshot)
    if (kept !== undefined && (before === undefined || !isSame || before.isAlone || before.seq < at)) {
      assessor.restore(kept)
      note(agentId, { epoch, seq: at, isAlone: false })
      return false
    }
    // The whole log is there, and of this epoch: what was assessed without it is in it no more.
    if (isSame && before.isAlone && from === 1) assessor.forget(agentId)
    note(agentId, { epoch, seq: from - 1, isAlone: false })
    return before !== undefined && !isSame
  }

  function apply(entry: Entry): Pick<Outcome, 'assessment' | 'standing'> {
    if (entry.kind === 'end') assessor.tell(entry.ended)
    if (entry.kind === 'review') {
      return { standing: assessor.review(entry.agentId, entry.review, entry.atMs) }
    }
    if (entry.kind !== 'request') return {}
    const { observation } = entry
    const { agentId, atMs, isSafe, hadTurn } = observation
    const assessment = assessor.assess(observation)
    const isTurn = demandOf(assessment.level, isSafe) === 'turn' && hadTurn !== true
    if (!isTurn) return { assessment: rankOf(assessment.level) === 0 ? assessment : { ...assessment, waitSeconds: 0 } }
    return { assessment: { ...assessment, waitSeconds: assessor.takeTurn(agentId, atMs) } }
  }

  return {
    placeOf,
    follow: (agentId, reply, own, nowMs) => {
      const before = placeOf(agentId)
      const alone = before?.isAlone === true ? assessor.rankOf(agentId) : 0
      hasChanged = false
      isSilent = true
      const isMore = takeBase(agentId, reply, before)
      const place =
        placeOf(agentId) ?? note(agentId, places.get(agentId) ?? { epoch: reply.epoch, seq: 0, isAlone: false })
      let outcome: Pick<Outcome, 'assessment' | 'standing'> = {}
      try {
        for (const [index, text] of reply.entries.entries()) {
          const seq = reply.from + index
          if (seq <= place.seq) continue
          const mine = own[seq - (reply.seq - own.length) - 1]
          isSilent = mine === undefined
          const entry = mine ?? readEntry(agentId, text)
          if (entry !== undefined) outcome = apply(entry)
          place.seq = seq
        }
      } finally {
        isSilent = false
      }
      const isLost = alone > assessor.rankOf(agentId)
      return {
        ...outcome,
        isWorthKeeping: isMore || hasChanged,
        toldNowhere: isLost ? foundAlone(alone, nowMs, assessor.find(agentId, nowMs)) : undefined,
      }
    },
    snapshotOf: (agentId) => {
      const kept = assessor.keepOne(agentId)
      return kept && writeSnapshot(kept)
    },
    assessAlone: (observation) => {
      const assessment = assessor.assess(observation)
      const place = places.get(observation.agentId)
      if (place === undefined) note(observation.agentId, { epoch: '', seq: -1, isAlone: true })
      else place.isAlone = true
      return assessment
    },
    assessor,
  }
}

/** A decision of a person that holds for longer goes on holding. */
function foundAlone(rank: number, nowMs: number, standing: Standing | undefined): Review {
  const why = 'found while the store of behaviour did not answer'
  const forSeconds = Math.max(TOLD_SECONDS, ((standing?.heldUntilMs ?? 0) - nowMs) / 1000)
  return { action: 'raise', level: levelAt(rank), forSeconds, by: 'signals', why }
}
