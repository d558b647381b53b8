import { drive } from './drive.ts'
import type { TrafficEvent } from './events.ts'
import { DAY_MS, START_MS } from './traffic.ts'

/** What patience buys a thief who makes a little more each day. */
export interface Poisoning {
  /** Each day's burst is so many times the day before's. */
  readonly growth: number
  /** The greatest burst without an answer, in times of the first one. */
  readonly bought: number
  /** Days with an answer. */
  readonly answeredDays: number
}

const DAYS = 30
const FIRST_BURST = 20
const ANSWERED_FROM = 30
/** One minute's limit holds for every agent: what is below it is bought or not. */
const MOST_PER_MINUTE = 590

/** Thirty days of a burst in one minute a day that grows, after five honest days; the rest of the day is as ever. */
export function measurePoisoning(growth: number): Poisoning {
  const answered = new Array<boolean>(DAYS).fill(false)
  const bursts = Array.from({ length: DAYS }, (_, day) =>
    Math.min(MOST_PER_MINUTE, Math.round(FIRST_BURST * growth ** Math.max(0, day - 5))),
  )
  const events = bursts.flatMap((size, day) => aDay(day, size))
  drive(events, ({ event, score }) => {
    if (score >= ANSWERED_FROM) answered[Math.floor((event.atMs - START_MS) / DAY_MS)] = true
  })
  const bought = Math.max(...bursts.filter((_, day) => answered[day] === false)) / FIRST_BURST
  return { growth, bought, answeredDays: answered.filter(Boolean).length }
}

function aDay(day: number, burst: number): TrafficEvent[] {
  const from = START_MS + day * DAY_MS
  const usual = Array.from({ length: 288 }, (_, step) => anEvent(from + step * 300_000, step))
  const noon = from + DAY_MS / 2 + 1000
  const quick = Array.from({ length: burst }, (_, step) => anEvent(noon + Math.round((step * 58_000) / burst), step))
  return [...usual, ...quick].sort((a, b) => a.atMs - b.atMs)
}

function anEvent(atMs: number, step: number): TrafficEvent {
  const path = `/orders/${(step * 11) % 30}`
  return { atMs, agentId: 'agt_patient', method: 'GET', path, status: 200, address: '192.0.2.10' }
}
