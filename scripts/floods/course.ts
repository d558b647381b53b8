import { setTimeout as wait } from 'node:timers/promises'
import { rawRequest, sendRaw, type TestAgent } from '@countermark/testing'
import { type HostileRequest, startFlood } from './flood.ts'
import { AUTHORITY, type GuardedAppInput, startGuardedProcess } from './guarded-process.ts'

/** What is done to an application, and what is asked of it meanwhile. */
export interface Course {
  /** What stands in the table. */
  readonly flood: string
  /** How the application is set up, for the table. */
  readonly setup: string
  readonly perSecond: number
  readonly make: () => HostileRequest
  readonly app: GuardedAppInput
  /** Where the agents come from. @default a network of their own */
  readonly agentsFrom?: string
  /** Done before the flood begins, such as filling a second level. */
  readonly prepare?: () => Promise<void>
}

/** What came of it. */
export interface Outcome {
  readonly flood: string
  readonly setup: string
  readonly sent: number
  readonly good: number
  readonly servedWithinASecond: number
  /** What became of the good requests, by status, `late` where 200 took longer. */
  readonly ends: Readonly<Record<string, number>>
  readonly registryAsked: number
}

const EVERY_MS = 60
const SERVED_WITHIN_MS = 1_000
/** The flood runs for so long before the first agent calls. */
const HEAD_START_MS = 1_500
const OTHERS = '198.51.100.20'

/** Runs one course: each agent calls once, for the first time, in the midst of the flood. */
export async function runCourse(
  course: Course,
  agents: readonly TestAgent[],
  registry: { readonly requests: () => number },
): Promise<Outcome> {
  await course.prepare?.()
  const app = await startGuardedProcess(course.app)
  const before = registry.requests()
  const flood = startFlood(app.port, course.perSecond, course.make)
  await wait(HEAD_START_MS)
  const calls: Promise<string>[] = []
  for (const agent of agents) {
    calls.push(callOnce(app.port, agent, course.agentsFrom ?? OTHERS))
    await wait(EVERY_MS)
  }
  const ends: Record<string, number> = {}
  for (const end of await Promise.all(calls)) ends[end] = (ends[end] ?? 0) + 1
  const sent = flood.stop()
  await app.stop()
  const { flood: name, setup } = course
  const counts = {
    sent,
    good: agents.length,
    servedWithinASecond: ends['200'] ?? 0,
    registryAsked: registry.requests() - before,
  }
  return { flood: name, setup, ...counts, ends }
}

/** One signed request from somewhere: its status, `late` where 200 took longer than a second, `none` without an answer. */
export async function callOnce(port: number, agent: TestAgent, from: string): Promise<string> {
  const startedMs = performance.now()
  const url = `https://${AUTHORITY}/orders`
  // An application behind a proxy that ends TLS: both fields are the proxy's.
  const signed = await agent.signRequest({ url, headers: { 'X-Forwarded-For': from, 'X-Forwarded-Proto': 'https' } })
  const answer = sendRaw(port, rawRequest(signed), { timeoutMs: 10_000 })
  const status = await answer.then(
    (response) => response.status,
    () => 'none',
  )
  return status === 200 && performance.now() - startedMs > SERVED_WITHIN_MS ? 'late' : String(status)
}
