import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { createFakeClock, createRecordingObserver, createTempFolder } from '@countermark/testing'
import { type EventStreamOptions, eventStream } from '../src/index.ts'
import { type EventSink, lineSink, type PlacedRecord } from '../src/sinks.ts'
import { FRAMEWORKS, startAuditedApp } from './audited-app.ts'
import { describeAuditSink } from './describe-audit-sink.ts'
import { aDecision } from './written-trail.ts'

const OUTCOME = { requestId: 'req_1', status: 200, durationMs: 3, aborted: false }

/** A sink that remembers, and fails for as long as it is told to. */
function aSink() {
  const taken: PlacedRecord[] = []
  let failures = 0
  const sink: EventSink = {
    name: 'test',
    durable: false,
    append: async (records) => {
      if (failures-- > 0) throw new Error('full')
      taken.push(...records)
    },
  }
  const fail = (times: number): void => {
    failures = times
  }
  return { sink, taken, fail }
}

function start(options: Partial<EventStreamOptions> = {}) {
  const kept = aSink()
  const observer = createRecordingObserver()
  const delay = async (): Promise<void> => undefined
  const events = eventStream({ sinks: [kept.sink], clock: createFakeClock(), delay, ...options })
  events.reportTo?.(observer.measured)
  const decide = (changes: Parameters<typeof aDecision>[0] = {}) => {
    const decision = aDecision(changes)
    events.decided?.(decision)
    return decision
  }
  const told = async (): Promise<readonly Record<string, unknown>[]> => {
    await events.close()
    return kept.taken.map(({ line }) => JSON.parse(line))
  }
  return { ...kept, observer, events, decide, told }
}

describeAuditSink('lines of a stream', { durable: false, repeated: 'told', failures: 'unnoticed' }, async () => {
  const folder = await createTempFolder()
  const path = `${folder.path}/lines.ndjson`
  return {
    sink: lineSink({ output: createWriteStream(path, { flags: 'a' }) }),
    read: async (chain) => {
      const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
      return lines.filter((line) => JSON.parse(line).chain === chain)
    },
    breakDown: async () => undefined,
    recover: async () => undefined,
    close: folder.remove,
  }
})

describe.each(FRAMEWORKS)('a stream of events beside a guard of %s', (framework) => {
  it('tells each decision and how its request ended', async () => {
    const { sink, taken } = aSink()
    const events = eventStream({ sinks: [sink] })
    const app = await startAuditedApp({ framework, guard: { observers: [events] } })
    await app.send({ url: 'https://api.example.com/orders/7', method: 'POST' })
    await app.sendRaw('GET /orders/7 HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n')
    await events.close()
    expect(taken.map(({ record }) => record.type)).toEqual(['decision', 'outcome', 'decision', 'outcome'])
    expect(taken[0]?.record).toMatchObject({
      decision: 'allow',
      agent: { id: 'agt_buyer' },
      resource: { route: '/orders/:id' },
    })
    expect(taken[1]?.record).toMatchObject({ of: taken[0]?.record.id, status: 201 })
    expect(taken[2]?.record).toMatchObject({ decision: 'deny', code: 'credentials_missing' })
    await app.close()
  })
})

describe('an event', () => {
  it('has what the trail records, without evidence, commitments and values about people', async () => {
    const { decide, told } = start()
    decide()
    const [event] = await told()
    expect(event).toMatchObject({ stream: expect.stringMatching(/^events-/), seq: 1, values: {} })
    expect(event?.['record']).toMatchObject({ commitments: {}, evidence: { grade: 'bearer' }, requestId: 'req_1' })
    expect(JSON.stringify(event)).not.toMatch(/user_17|limit=10|salt/)
  })

  it('carries the values that were asked for, in the clear or as pseudonyms that stay the same', async () => {
    const values = { target: 'plain', user: 'pseudonym' } as const
    const { decide, told } = start({ values, pseudonymKey: 'sixteen bytes or more' })
    decide()
    decide()
    const [first, second] = await told()
    expect(first?.['values']).toEqual({ target: '/orders/7?limit=10', user: expect.stringMatching(/^[\w-]{43}$/) })
    expect(second?.['values']).toEqual(first?.['values'])
    const other = start({ values, pseudonymKey: 'another sixteen bytes' })
    other.decide()
    expect((await other.told())[0]?.['values']).not.toEqual(first?.['values'])
  })

  it('names the decision whose end it tells, once', async () => {
    const { events, decide, told } = start()
    const decision = decide()
    events.finished?.(decision, OUTCOME)
    events.finished?.(decision, { ...OUTCOME, repeated: true })
    events.finished?.(aDecision(), OUTCOME)
    const [first, second, ...more] = await told()
    expect(more).toEqual([])
    expect(second?.['record']).toMatchObject({ type: 'outcome', of: Object(first?.['record']).id, status: 200 })
  })
})

describe('a stream of events whose sink fails', () => {
  it('delivers in order once the sink takes them', async () => {
    const { decide, told, fail } = start()
    fail(3)
    for (let index = 0; index < 10; index++) decide()
    for (let attempt = 0; attempt < 20; attempt++) await new Promise((resolve) => setImmediate(resolve))
    const seqs = (await told()).map(({ seq }) => seq)
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('drops the oldest when too many wait, counts them, and shows the gap', async () => {
    const { events, decide, observer, taken, fail } = start({ maxQueued: 5, delay: () => new Promise(() => undefined) })
    fail(1)
    for (let turn = 0; turn < 4; turn++) {
      for (let index = 0; index < 3; index++) decide()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await events.close()
    expect(taken.map(({ seq }) => seq)).toEqual([8, 9, 10, 11, 12])
    expect(observer.total('events_dropped_total', { sink: 'test' })).toBe(7)
    expect(observer.total('events_sent_total', { sink: 'test' })).toBe(5)
  })

  it('keeps no more than its bound within one turn, and accounts for every event', async () => {
    const { events, decide, observer, taken } = start({ maxQueued: 100 })
    for (let index = 0; index < 1000; index++) decide()
    await events.close()
    expect(taken).toHaveLength(100)
    expect(observer.total('events_dropped_total')).toBe(900)
  })

  it('never throws and never makes anybody wait', async () => {
    const hanging: EventSink = { name: 'hanging', durable: false, append: () => new Promise(() => undefined) }
    const { events, decide } = start({ sinks: [hanging], deadlineMs: 20 })
    const decision = decide()
    expect(events.finished?.(decision, OUTCOME)).toBeUndefined()
    await events.close()
    expect(() => decide()).not.toThrow()
  })

  it('does not keep the others from theirs', async () => {
    const dead: EventSink = { name: 'dead', durable: false, append: () => Promise.reject(new Error('gone')) }
    const { sink, taken } = aSink()
    const { events, decide } = start({ sinks: [dead, sink] })
    decide()
    await events.close()
    expect(taken).toHaveLength(1)
  })
})

describe('eventStream', () => {
  it.each<[string, object]>([
    ['ERR_OPTION_MISSING', {}],
    ['ERR_OPTION_MISSING', { sinks: [] }],
    ['ERR_OPTION_INVALID', { sinks: [{}] }],
    ['ERR_OPTION_INVALID', { sinks: [aSink().sink], values: { user: 'hashed' } }],
    ['ERR_OPTION_UNKNOWN', { sinks: [aSink().sink], values: { signed: 'plain' } }],
    ['ERR_OPTION_MISSING', { sinks: [aSink().sink], values: { user: 'pseudonym' }, pseudonymKey: 'short' }],
    ['ERR_OPTION_INVALID', { sinks: [aSink().sink], maxQueued: 0 }],
  ])('does not start: %s', (code, options) => {
    expect(() => eventStream(options as never)).toThrow(expect.objectContaining({ code }))
  })
})

describe('lineSink', () => {
  it('rejects when its stream is gone', async () => {
    const output = new PassThrough()
    const sink = lineSink({ output })
    output.destroy(new Error('gone'))
    await expect(sink.append([{ ...({} as PlacedRecord), line: '{}' }])).rejects.toThrow('stream was destroyed')
    expect(() => lineSink({} as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_MISSING' }))
  })
})
