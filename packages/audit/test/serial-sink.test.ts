import { createFakeClock } from '@countermark/testing'
import { auditTrail } from '../src/index.ts'
import { createSerialSink } from '../src/sinks/sink.ts'
import { sealedRecords } from './sealed-records.ts'
import { aDecision } from './written-trail.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A sink whose writes end when they are told to. */
function start() {
  const batches: (readonly number[])[] = []
  const ends: ((error?: Error) => void)[] = []
  const sink = createSerialSink({
    name: 'slow',
    durable: true,
    write: (records) => {
      batches.push(records.map(({ seq }) => seq))
      return new Promise<void>((resolve, reject) => {
        ends.push((error) => (error === undefined ? resolve() : reject(error)))
      })
    },
  })
  const settle = async (error?: Error): Promise<void> => {
    await turn()
    ends.shift()?.(error)
    await turn()
  }
  return { sink, batches, settle }
}

describe('a sink that writes one batch after the other', () => {
  const records = sealedRecords({ chain: 'c', count: 5 })

  it('keeps the order of calls that overlap', async () => {
    const { sink, batches, settle } = start()
    const both = [sink.append(records.slice(0, 2)), sink.append(records.slice(2))]
    await settle()
    await settle()
    await Promise.all(both)
    expect(batches).toEqual([
      [1, 2],
      [3, 4, 5],
    ])
  })

  it('writes once what comes again while it is still being written', async () => {
    const { sink, batches, settle } = start()
    const both = [sink.append(records.slice(0, 3)), sink.append(records)]
    await settle()
    await settle()
    await Promise.all(both)
    expect(batches).toEqual([
      [1, 2, 3],
      [4, 5],
    ])
  })

  it('writes again what failed', async () => {
    const { sink, batches, settle } = start()
    const first = sink.append(records).catch((error: Error) => error.message)
    const second = sink.append(records)
    await settle(new Error('full'))
    await settle()
    await second
    expect(await first).toBe('full')
    expect(batches).toEqual([
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ])
  })

  it('lets no more than a few wait', async () => {
    const { sink } = start()
    for (let index = 0; index < 16; index++) void sink.append(records)
    await expect(sink.append(records)).rejects.toThrow('busy')
  })

  it('is caught up with by a trail that gave it up too early', async () => {
    const { sink, batches, settle } = start()
    const trail = auditTrail({ sinks: [sink], deadlineMs: 20, flushMs: 0, clock: createFakeClock() })
    const recorded = trail.record(aDecision({ request: { ...aDecision().request, method: 'POST' } }))
    await expect(recorded).rejects.toMatchObject({ code: 'audit_unavailable' })
    await settle()
    const flushed = trail.flush()
    await settle()
    await flushed
    expect(new Set(batches.flat()).size).toBe(batches.flat().length)
  })
})
