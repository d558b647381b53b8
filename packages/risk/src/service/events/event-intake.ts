import type { Environment } from '@countermark/core'
import { createRecent } from '@countermark/core/internal'
import type { RiskRules } from '../../policy/policy.ts'
import type { RiskEngine } from '../engine.ts'
import { type EventSourceName, SERVICE_METRICS } from '../service-metrics.ts'
import { createEventReader, endOfStatus, type PlacedEvent, parseEvent } from './read-event.ts'

/** What came of some lines. */
export interface Intake {
  readonly taken: number
  readonly known: number
  readonly skipped: number
  readonly malformed: number
  /** Places between those that came: events that were lost on the way. */
  readonly missing: number
}

/** Takes events of guards in. */
export interface EventIntake {
  /** Takes lines, each once whatever comes twice. Never throws. */
  readonly take: (lines: readonly string[], source: EventSourceName) => Intake
  /** How far each stream was read, for a snapshot. */
  readonly places: () => readonly (readonly [stream: string, seq: number])[]
  readonly resume: (places: readonly (readonly [stream: string, seq: number])[]) => void
}

/** Streams that are known at once: a process that starts begins a new one. */
const MOST_STREAMS = 10_000
const UNDER_WAY = { maxEntries: 100_000, maxCharacters: 20_000_000 }

/** Makes the intake of one engine. Lines of one stream come in the order of `seq`, as their sinks write them. */
export function createEventIntake(engine: RiskEngine, rules: RiskRules, report: Environment['report']): EventIntake {
  const read = createEventReader(rules)
  const lastSeq = new Map<string, number>()
  const decisions = createRecent<{ readonly agentId: string }>(UNDER_WAY)
  const requests = createRecent<{ readonly agentId: string }>(UNDER_WAY)

  /** How many places lie between this event and the one before; -1 for one that was taken before. */
  function place({ stream, seq }: PlacedEvent): number {
    const last = lastSeq.get(stream)
    if (last !== undefined && seq <= last) return -1
    if (last === undefined && lastSeq.size >= MOST_STREAMS) lastSeq.delete(lastSeq.keys().next().value ?? '')
    // What was heard of last is forgotten last.
    lastSeq.delete(stream)
    lastSeq.set(stream, seq)
    return last === undefined ? 0 : seq - last - 1
  }

  function takeEvent(event: PlacedEvent): 'taken' | 'skipped' | 'malformed' {
    const found = read(event)
    if (found === undefined) return 'malformed'
    if (found.kind === 'other') return 'skipped'
    if (found.kind === 'request') {
      const { id, requestId, observation } = found
      const { agentId } = observation
      const isRepeated = requests.find(requestId)?.agentId === agentId
      decisions.keep(id, { agentId })
      requests.keep(requestId, { agentId })
      engine.observe({ ...observation, isRepeated })
      return 'taken'
    }
    const agentId = decisions.find(found.of)?.agentId
    const end = endOfStatus(found.status)
    if (agentId === undefined || end === undefined) return 'skipped'
    engine.end({ agentId, atMs: found.atMs, end })
    return 'taken'
  }

  return {
    take: (lines, source) => {
      const came = { taken: 0, known: 0, skipped: 0, malformed: 0, missing: 0 }
      for (const line of lines) {
        const event = parseEvent(line)
        if (event === undefined) {
          came.malformed += 1
          continue
        }
        const between = place(event)
        if (between < 0) came.known += 1
        else {
          came.missing += between
          came[takeEvent(event)] += 1
        }
      }
      for (const result of RESULTS) {
        if (came[result] > 0)
          report(SERVICE_METRICS.measure('risk_service_events_total', came[result], { source, result }))
      }
      return came
    },
    places: () => [...lastSeq],
    resume: (places) => {
      for (const [stream, seq] of places) lastSeq.set(stream, seq)
    },
  }
}

const RESULTS = ['taken', 'known', 'skipped', 'malformed', 'missing'] as const
