import { ATTACK_KINDS, drawAttacks } from './attacks.ts'
import { drive, type Judged } from './drive.ts'
import { type Attack, inOrder, type TrafficEvent } from './events.ts'
import { createRandom } from './random.ts'
import { DAY_MS, drawAgents, liveFor, START_MS } from './traffic.ts'

/** What to simulate. */
export interface World {
  readonly seed: number
  readonly agents: number
  /** Attacks come on the last day. */
  readonly days: number
  /** Benign traffic besides, such as a log. */
  readonly logged: readonly TrafficEvent[]
}

/** How one class of attacks is found at a share of false throttles. */
export interface Recall {
  readonly kind: string
  readonly isFast: boolean
  readonly attacks: number
  /** Left out: the agent was throttled already when the attack began. */
  readonly throttledBefore: number
  /** Shares found: within 20 requests for fast ones, in the whole attack for slow ones. */
  readonly found: number
  /** Until the first answer, of those that were found at all; `undefined` when none was. */
  readonly medianRequests: number | undefined
}

/** One setting of the threshold. */
export interface Operation {
  readonly threshold: number
  /** Shares of benign requests at the threshold or above. */
  readonly falseShare: number
  readonly falseShareOfLog: number
  readonly recalls: readonly Recall[]
}

export interface Figures {
  readonly benignRequests: number
  readonly loggedRequests: number
  /** At 0.1 % and 1 % false throttles, and as the check answers by default. */
  readonly strict: Operation
  readonly loose: Operation
  readonly byDefault: Operation
  /** Shares of requests that the check refused by itself. */
  readonly refusedShare: number
}

const WITHIN = 20
const DEFAULT_THRESHOLD = 30
const TOP = 101

/** Runs traffic with attacks through the real check and says what it found. */
export function measureRecall({ seed, agents, days, logged }: World): Figures {
  const random = createRandom(seed)
  const profiles = drawAgents(agents, days, random)
  const benign = profiles.flatMap((profile) => liveFor(profile, days, random))
  const attacks = drawAttacks(profiles, days - 1, START_MS + (days - 1) * DAY_MS, random)
  const tally = createTally(attacks)
  drive(
    inOrder(
      benign,
      attacks.flatMap(({ events }) => events),
      logged,
    ),
    tally.add,
  )
  return tally.figures()
}

function createTally(attacks: readonly Attack[]): { add: (judged: Judged) => void; figures: () => Figures } {
  const generated = new Float64Array(TOP)
  const ofLog = new Float64Array(TOP)
  const scores: number[][] = attacks.map(() => [])
  const before: number[] = attacks.map(() => 0)
  const victims = new Map(
    attacks.map(({ events, number }) => [events[0]?.agentId, { number, from: events[0]?.atMs ?? 0 }]),
  )
  let refused = 0
  return {
    add: ({ event, score, isThrottled }) => {
      if (event.attack !== undefined) {
        scores[event.attack]?.push(score)
        return
      }
      const victim = victims.get(event.agentId)
      // What the owner sends beside a thief is no false throttle: the key is stolen.
      if (victim !== undefined && event.atMs >= victim.from) return
      if (victim !== undefined) before[victim.number] = score
      const counts = event.agentId.startsWith('log_') ? ofLog : generated
      counts[score] = (counts[score] ?? 0) + 1
      if (isThrottled) refused++
    },
    figures: () => {
      const [all, log] = [sum(generated) + sum(ofLog), sum(ofLog)]
      const operate = (threshold: number): Operation => ({
        threshold,
        falseShare: (sum(generated.subarray(threshold)) + sum(ofLog.subarray(threshold))) / all,
        falseShareOfLog: log === 0 ? 0 : sum(ofLog.subarray(threshold)) / log,
        recalls: ATTACK_KINDS.map(({ kind }) => recallOf(kind, attacks, scores, before, threshold)),
      })
      const thresholdFor = (share: number): number => {
        let threshold = TOP
        let above = 0
        while (threshold > 1 && above + at(generated, threshold - 1) + at(ofLog, threshold - 1) <= share * all) {
          threshold--
          above += at(generated, threshold) + at(ofLog, threshold)
        }
        return threshold
      }
      return {
        benignRequests: all,
        loggedRequests: log,
        strict: operate(thresholdFor(0.001)),
        loose: operate(thresholdFor(0.01)),
        byDefault: operate(DEFAULT_THRESHOLD),
        refusedShare: refused / all,
      }
    },
  }
}

function recallOf(
  kind: string,
  attacks: readonly Attack[],
  scores: readonly (readonly number[])[],
  before: readonly number[],
  threshold: number,
): Recall {
  const ofKind = attacks.filter((attack) => attack.kind === kind)
  const isFast = ofKind[0]?.isFast === true
  const fresh = ofKind.filter(({ number }) => (before[number] ?? 0) < threshold)
  const firsts = fresh
    .map(({ number }) => (scores[number] ?? []).findIndex((score) => score >= threshold) + 1)
    .filter((first) => first > 0)
    .sort((a, b) => a - b)
  const found = firsts.filter((first) => !isFast || first <= WITHIN).length
  return {
    kind,
    isFast,
    attacks: fresh.length,
    throttledBefore: ofKind.length - fresh.length,
    found: fresh.length === 0 ? 0 : found / fresh.length,
    medianRequests: firsts[Math.floor((firsts.length - 1) / 2)],
  }
}

function at(counts: Float64Array, place: number): number {
  return counts[place] ?? 0
}

function sum(counts: Float64Array): number {
  return counts.reduce((total, count) => total + count, 0)
}
