import { drive } from './drive.ts'
import type { TrafficEvent } from './events.ts'
import { START_MS } from './traffic.ts'

/** What one agent and one request cost, in memory. */
export interface Cost {
  readonly agents: number
  readonly bytesPerAgent: number
  /** Of the whole check on warm requests, a made request and the clock included. */
  readonly microsecondsPerRequest: number
}

const WARM = 200_000

/** Needs `--expose-gc` for its bytes. */
export function measureCost(agents: number): Cost {
  const before = bytesInUse()
  const book = drive(
    Array.from({ length: agents }, (_, index) => anEvent(index, index)),
    () => undefined,
  )
  const bytesPerAgent = (bytesInUse() - before) / agents
  // The sketches must live until here.
  if (book.find('agt_0', START_MS) === undefined) throw new TypeError('an agent was forgotten')
  const events = Array.from({ length: WARM }, (_, index) => anEvent(index, index % 100))
  drive(events.slice(0, WARM / 4), () => undefined)
  const began = process.hrtime.bigint()
  drive(events, () => undefined)
  const microsecondsPerRequest = Number(process.hrtime.bigint() - began) / 1000 / WARM
  return { agents, bytesPerAgent, microsecondsPerRequest }
}

function anEvent(index: number, agent: number): TrafficEvent {
  const path = `/orders/${index % 50}`
  return {
    atMs: START_MS + index * 40,
    agentId: `agt_${agent}`,
    method: 'GET',
    path,
    status: 200,
    address: '192.0.2.10',
  }
}

function bytesInUse(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
