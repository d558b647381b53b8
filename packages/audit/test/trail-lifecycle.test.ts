import { createConnection } from 'node:net'
import { type AgentFact, Refusal } from '@countermark/core'
import { aRequest, rawRequest } from '@countermark/testing'
import { auditTrail, fileSink } from '../src/index.ts'
import type { AuditSink, SealedRecord } from '../src/sinks.ts'
import { type AuditedApp, FRAMEWORKS, startAuditedApp } from './audited-app.ts'
import { captureStandardError } from './standard-error.ts'
import { aDecision } from './written-trail.ts'

function sinkInto(kept: SealedRecord[]): AuditSink {
  return { name: 'test', durable: true, append: async (records) => void kept.push(...records) }
}

describe('a trail', () => {
  it('cannot start where it cannot write', async () => {
    const told = captureStandardError()
    const trail = auditTrail({ sinks: [fileSink({ path: '/nowhere/audit.ndjson' })] })
    await expect(trail.ready()).rejects.toMatchObject({ name: 'Misconfigured', code: 'ERR_OPTION_INVALID' })
    expect(told.stop()).toEqual([expect.stringContaining('/nowhere/audit.ndjson cannot be written')])
  })

  it('says why it could not start when it is closed', async () => {
    const trail = auditTrail({ sinks: [fileSink({ path: '/nowhere/audit.ndjson' })] })
    const told = captureStandardError()
    const cause = expect.objectContaining({ code: 'ERR_OPTION_INVALID' })
    await expect(trail.close()).rejects.toMatchObject({ message: 'no sink could be opened', cause })
    expect(told.stop()).toHaveLength(1)
  })

  it('writes what is told by hand, with what may be erased beside it', async () => {
    const kept: SealedRecord[] = []
    const trail = auditTrail({ sinks: [sinkInto(kept)] })
    await trail.event({ event: 'token_issued', details: { scopes: ['a'], n: 1 }, private: { user: 'user_17' } })
    const [, told] = kept
    expect(told?.record).toMatchObject({ type: 'event', event: 'token_issued', details: { n: 1, scopes: ['a'] } })
    expect([JSON.stringify(told?.record).includes('user_17'), told?.private['user']?.value]).toEqual([false, 'user_17'])
    await trail.close()
  })

  it.each([
    ['a name with blanks', { event: 'token issued' }],
    ['details without an end', { event: 'x', details: { text: '\u20ac'.repeat(200_000) } }],
    ['what JSON cannot say', { event: 'x', details: { at: Number.NaN } }],
  ])('refuses an event with %s', async (_what, event) => {
    const trail = auditTrail({ sinks: [sinkInto([])] })
    await expect(trail.event(event)).rejects.toThrow(TypeError)
    await trail.close()
  })

  it('writes records in the order in which they came, whoever waits', async () => {
    const kept: SealedRecord[] = []
    const trail = auditTrail({ sinks: [sinkInto(kept)] })
    void trail.record(aDecision({ requestId: 'a' }))
    const told = trail.event({ event: 'b' })
    void trail.record(aDecision({ requestId: 'c' }))
    await told
    await trail.flush()
    expect(kept.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
    expect(kept.map(({ record }) => record.id.split('.')[1])).toEqual(['1', '2', '3', '4'])
    await trail.close()
  })

  it('keeps whose key a refused request named, as a claim', async () => {
    const kept: SealedRecord[] = []
    const trail = auditTrail({ sinks: [sinkInto(kept)] })
    const refusal = new Refusal('signature_invalid', 'does not verify', { claimedAgent: 'agt_buyer' })
    void trail.record(aDecision({ outcome: 'deny', refusal, status: 401, facts: {} }))
    await trail.close()
    expect(kept[1]?.record).toMatchObject({ claimedAgent: 'agt_buyer', code: 'signature_invalid' })
  })

  it('leaves no gap where a fact cannot be written', async () => {
    const kept: SealedRecord[] = []
    const trail = auditTrail({ sinks: [sinkInto(kept)] })
    const { facts } = aDecision()
    const agent = { ...facts.agent, scheme: 1n } as unknown as AgentFact
    void trail.record(aDecision({ facts: { ...facts, agent } }))
    void trail.record(aDecision())
    await trail.close()
    expect(kept.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(kept[1]?.record).toMatchObject({ event: 'record_unwritable', details: { type: 'decision' } })
  })

  it('waits for the record of an unsafe request that a guard only observes', async () => {
    const trail = auditTrail({ sinks: [sinkInto([])] })
    const refusal = new Refusal('signature_invalid', 'does not verify')
    const request = aRequest({ method: 'POST' })
    expect(trail.record(aDecision({ outcome: 'observe', mode: 'observe', refusal, request }))).toBeInstanceOf(Promise)
    expect(trail.record(aDecision({ outcome: 'deny', refusal, request }))).toBeUndefined()
    await trail.close()
  })

  it('says how a request ended once, under the last decision about it', async () => {
    const kept: SealedRecord[] = []
    const trail = auditTrail({ sinks: [sinkInto(kept)] })
    const [first, second] = [aDecision({ check: 'one' }), aDecision({ check: 'two' })]
    const outcome = { requestId: 'req_1', status: 200, durationMs: 1.23456, aborted: false }
    for (const decision of [first, second]) void trail.record(decision)
    for (const decision of [first, second, second]) trail.finish?.(decision, outcome)
    await trail.close()
    const outcomes = kept.flatMap(({ record }) => (record.type === 'outcome' ? [record] : []))
    expect(outcomes).toMatchObject([{ of: kept[2]?.record.id, durationMs: 1.235 }])
  })

  it('says that no handler ran for what was answered before its guard had decided', async () => {
    const kept: SealedRecord[] = []
    const trail = auditTrail({ sinks: [sinkInto(kept)] })
    const decision = aDecision({})
    const outcome = { requestId: 'req_1', status: 504, durationMs: 1, aborted: false, unserved: true }
    await trail.record(decision)
    trail.finish?.(decision, outcome)
    await trail.close()
    const decided = kept.find(({ record }) => record.type === 'decision')
    expect(kept.at(-1)?.record).toMatchObject({ type: 'outcome', of: decided?.record.id, unserved: true })
  })
})

describe.each(FRAMEWORKS)('a client of %s that goes away', (framework) => {
  let app: AuditedApp
  beforeEach(async () => {
    app = await startAuditedApp({ framework, hang: true })
  })
  afterEach(() => app.close())

  it('leaves one decision and the outcome that it did', async () => {
    const signed = await app.agent.signRequest({ url: 'https://api.example.com/orders/7', method: 'POST', body: '{}' })
    const socket = createConnection({ port: app.port, host: '127.0.0.1' })
    socket.write(rawRequest(signed))
    await app.handled
    socket.destroy()
    await app.finished
    const kept = (await app.records()).map(({ record }) => record)
    expect(kept.filter(({ type }) => type === 'decision')).toHaveLength(1)
    expect(kept.at(-1)).toMatchObject({ type: 'outcome', aborted: true })
  })
})
