import { isThenable } from '@countermark/core/internal'
import { memoryRisk, type Observation, type RiskBook } from '@countermark/risk'
import { createTestEnvironment } from '@countermark/testing'
import { readPolicy } from '../../packages/risk/src/policy/policy.ts'
import { createRandom } from './random.ts'
import { START_MS } from './traffic.ts'

/** What one agent and one assessment cost, in memory. */
export interface Cost {
  readonly agents: number
  readonly bytesPerAgent: number
  /** Microseconds of the processor for an assessment, among 100 agents. */
  readonly warm: number
  /** The same among all of them, in random order. */
  readonly cold: number
  /** Bytes that one assessment allocates for a moment. */
  readonly allocated: number
}

const ROUNDS = 400_000
const FEW = 100
const environment = createTestEnvironment()

/** Needs `--expose-gc` for its bytes. */
export function measureCost(agents: number): Cost {
  const before = bytesInUse()
  const book = openBook()
  for (let index = 0; index < agents; index++) assess(book, index, START_MS)
  const bytesPerAgent = (bytesInUse() - before) / agents
  // The sketches must live until here.
  if (book.find('agt_0', START_MS) === undefined) throw new TypeError('an agent was forgotten')
  const few = openBook()
  assessMany(few, FEW)
  const warm = assessMany(few, FEW)
  const cold = assessMany(book, agents)
  return { agents, bytesPerAgent, warm, cold, allocated: measureAllocation(few) }
}

/** The mean time of the processor. */
function assessMany(book: RiskBook, agents: number): number {
  const random = createRandom(1)
  const began = process.cpuUsage()
  for (let round = 0; round < ROUNDS; round++) assess(book, random.below(agents), START_MS + round * 40)
  const { user, system } = process.cpuUsage(began)
  return (user + system) / ROUNDS
}

function measureAllocation(book: RiskBook): number {
  const rounds = 10_000
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let round = 0; round < rounds; round++) assess(book, round % FEW, START_MS + (ROUNDS + round) * 40)
  return (process.memoryUsage().heapUsed - before) / rounds
}

function assess(book: RiskBook, agent: number, atMs: number): void {
  const names = {
    route: 7 + (agent % 5),
    resource: 1 + (agent % 50),
    resourceNumber: -1,
    user: 3,
    key: 5,
    capability: 0,
  }
  const observation: Observation = { agentId: `agt_${agent}`, atMs, isSafe: true, ...names, ...REST }
  if (isThenable(book.assess(observation, environment))) throw new TypeError('the memory store answers at once')
}

const REST = { amount: -1, address: '192.0.2.10', isHoney: false }

function openBook(): RiskBook {
  const ignore = (): void => undefined
  const rules = readPolicy({ baseline: 'enforce' })
  return memoryRisk().open({ rules, network: undefined, onChange: ignore, onSignal: ignore })
}

function bytesInUse(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
