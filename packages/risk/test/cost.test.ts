import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryRisk, type Observation, type RiskBook } from '@countermark/risk'
import { createTestEnvironment } from '@countermark/testing'
import { readPolicy } from '../src/policy/policy.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
const environment = createTestEnvironment()
const START_MS = Date.UTC(2026, 0, 5, 9)

function open(): RiskBook {
  const ignore = (): void => undefined
  return memoryRisk().open({ rules: readPolicy(), network: undefined, onChange: ignore, onSignal: ignore })
}

function seen(agent: number, atMs: number, more: Partial<Observation> = {}): Observation {
  const names = { route: 7, resource: 1, resourceNumber: -1, user: 3, key: 5, capability: 0, amount: -1 }
  return { agentId: `agt_${agent}`, atMs, isSafe: true, address: '192.0.2.7', isHoney: false, ...names, ...more }
}

function bytesInUse(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

describe('what is remembered', () => {
  it('takes less than 2,048 bytes for each of 100,000 agents, names, maps and objects included', () => {
    const before = bytesInUse()
    const book = open()
    for (let agent = 0; agent < 100_000; agent++) void book.assess(seen(agent, START_MS), environment)
    const bytes = (bytesInUse() - before) / 100_000
    expect(book.find('agt_99999', START_MS)).toBeDefined()
    expect(bytes).toBeLessThan(2048)
  })

  it('stays the same while a hundred agents send 100,000 requests: no allocation survives', () => {
    const book = open()
    const send = (from: number, count: number): void => {
      for (let at = from; at < from + count; at++) void book.assess(seen(at % 100, START_MS + at * 50), environment)
    }
    send(0, 20_000)
    const before = bytesInUse()
    send(20_000, 100_000)
    expect(bytesInUse() - before).toBeLessThan(200_000)
  })
})

describe('an attacker', () => {
  it('cannot make it grow by invented ids, routes, users, amounts and addresses', () => {
    const book = open()
    const invent = (from: number, count: number): void => {
      for (let at = from; at < from + count; at++) {
        const names = { route: at + 1, resource: at, resourceNumber: at, user: at, capability: at, amount: at }
        const address = `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`
        void book.assess(seen(0, START_MS + at, { ...names, address, isSafe: false }), environment)
      }
    }
    invent(1, 10_000)
    const before = bytesInUse()
    invent(10_001, 200_000)
    expect(bytesInUse() - before).toBeLessThan(200_000)
  })
})
