import type { AuditSink } from '../src/sinks.ts'
import { sealedRecords, writeDecision } from './sealed-records.ts'

/** A sink of some kind, and what stands behind it. */
export interface AuditSinkUnderTest {
  readonly sink: AuditSink
  /** The lines that are kept of a chain, in order. */
  readonly read: (chain: string) => Promise<readonly string[]>
  /** Takes away what stands behind the sink: it answers that it cannot, or not at all. */
  readonly breakDown: () => Promise<void>
  readonly recover: () => Promise<void>
  readonly close: () => Promise<void>
}

/** What differs from one kind of sink to another. */
export interface AuditSinkKind {
  readonly durable: boolean
  /**
   * `kept-once`: a record that comes twice is kept once. `told`: it stands there twice, and the reader tells by chain and seq.
   */
  readonly repeated: 'kept-once' | 'told'
  /** `unnoticed` where nothing is confirmed. @default 'rejected' */
  readonly failures?: 'rejected' | 'unnoticed'
}

const HOSTILE: readonly string[] = [
  "'; DROP TABLE countermark_audit; --",
  '\u0000\u001b[31m\u009b\u2028\u2029\u202e',
  'line\r\nfeed | pipe = equals \\ back ] bracket "quote"',
  '\ud83d\ude00 \u00e4\u00f6\u00fc \u4e2d\u6587',
  '__proto__',
  'x'.repeat(4096),
]

/** What every audit sink promises. */
export function describeAuditSink(name: string, kind: AuditSinkKind, open: () => Promise<AuditSinkUnderTest>): void {
  describe(`an audit sink: ${name}`, () => {
    let opened: AuditSinkUnderTest
    let chains = 0
    const newChain = (): string => `chain-${++chains}`
    beforeAll(async () => {
      opened = await open()
      await opened.sink.ready?.()
    })
    afterAll(async () => opened.close())

    it('says by a closed word what it is, and whether it holds what it takes', () => {
      expect(opened.sink.name).toMatch(/^[a-z][a-z0-9-]*$/)
      expect(opened.sink.durable).toBe(kind.durable)
    })

    it('keeps records in their order, over several appends, each as one line', async () => {
      const chain = newChain()
      const records = sealedRecords({ chain, count: 25 })
      await opened.sink.append(records.slice(0, 10))
      await opened.sink.append(records.slice(10, 11))
      await opened.sink.append(records.slice(11))
      expect(await opened.read(chain)).toEqual(records.map(({ line }) => line))
    })

    it('keeps chains apart', async () => {
      const [a, b] = [newChain(), newChain()]
      const [ofA, ofB] = [sealedRecords({ chain: a, count: 3 }), sealedRecords({ chain: b, count: 2 })]
      await Promise.all([opened.sink.append(ofA), opened.sink.append(ofB)])
      expect(await opened.read(a)).toEqual(ofA.map(({ line }) => line))
      expect(await opened.read(b)).toEqual(ofB.map(({ line }) => line))
    })

    it('keeps once what comes again while it is still being written', async () => {
      const chain = newChain()
      const records = sealedRecords({ chain, count: 3 })
      await Promise.all([opened.sink.append(records), opened.sink.append(records)])
      expect(await opened.read(chain)).toEqual(records.map(({ line }) => line))
    })

    it('has nothing to do for no records', async () => {
      await expect(opened.sink.append([])).resolves.toBeUndefined()
    })

    it(`takes a record that comes twice: ${kind.repeated}`, async () => {
      const chain = newChain()
      const records = sealedRecords({ chain, count: 4 })
      await opened.sink.append(records.slice(0, 3))
      // As another process would send them: they are not the same objects.
      await opened.sink.append(records.slice(1).map((record) => ({ ...record })))
      const lines = await opened.read(chain)
      expect([...new Set(lines)]).toEqual(records.map(({ line }) => line))
      expect(lines).toHaveLength(kind.repeated === 'kept-once' ? 4 : 6)
    })

    it('keeps hostile text as it came, in one line each', async () => {
      const chain = newChain()
      const records = HOSTILE.flatMap((text, index) =>
        sealedRecords({
          chain,
          count: 1,
          from: index + 1,
          values: { user: text, path: text },
          change: () => ({ ...writeDecision(text), requestId: text, reason: text, resource: { authority: text } }),
        }),
      )
      await opened.sink.append(records)
      const lines = await opened.read(chain)
      expect(lines).toEqual(records.map(({ line }) => line))
      expect(lines.join('')).not.toMatch(/[\r\n]/)
    })

    it('takes many at once', async () => {
      const chain = newChain()
      const records = sealedRecords({ chain, count: 3000 })
      await opened.sink.append(records)
      expect(await opened.read(chain)).toEqual(records.map(({ line }) => line))
    })

    describeFailures(kind, () => opened, newChain)

    it('takes nothing more once closed, and closes twice', async () => {
      await opened.sink.close?.()
      await opened.sink.close?.()
      if (opened.sink.close === undefined) return
      await expect(opened.sink.append(sealedRecords({ chain: newChain(), count: 1 }))).rejects.toThrow(/closed/)
    })
  })
}

function describeFailures(kind: AuditSinkKind, opened: () => AuditSinkUnderTest, newChain: () => string): void {
  if (kind.failures === 'unnoticed') return

  it('rejects what it cannot keep, and within its deadline', async () => {
    const { sink, breakDown, recover } = opened()
    await breakDown()
    const startedMs = performance.now()
    // So many that they fit into no room that happens to be left.
    const records = sealedRecords({ chain: newChain(), count: 100, values: { path: 'x'.repeat(2048) } })
    await expect(sink.append(records)).rejects.toHaveProperty('message', expect.stringMatching(/./))
    expect(performance.now() - startedMs).toBeLessThan(5000)
    await recover()
  })

  it('goes on by itself once what stands behind it is back, with nothing missing', async () => {
    const { sink, breakDown, recover, read } = opened()
    const chain = newChain()
    const records = sealedRecords({ chain, count: 100, values: { path: 'x'.repeat(2048) } })
    await sink.append(records.slice(0, 2))
    await breakDown()
    await expect(sink.append(records.slice(2))).rejects.toHaveProperty('message', expect.stringMatching(/./))
    await recover()
    await sink.append(records.slice(2))
    expect([...new Set(await read(chain))]).toEqual(records.map(({ line }) => line))
  })
}
