import { type ChainEnd, newChainName } from '../../record/chain.ts'
import type { RecordInput } from '../../record/write-record.ts'
import type { FileSettings } from '../../sinks/file/file-sink.ts'
import { messageOf, type TellOperator } from '../../sinks/file/file-system.ts'
import type { RecordWriter, WriterListener, WriterOptions } from '../record-writer.ts'
import { PROBE_MS } from '../sink-queue.ts'
import { HeldRecords } from './held-records.ts'
import { fromPlainError, type StartThread, ThreadLine, type ThreadNote, ThreadProgress } from './thread-line.ts'

/** What a writer in a thread of its own needs. */
export interface ThreadWriterOptions extends Omit<WriterOptions, 'sinks' | 'mask'> {
  readonly files: readonly FileSettings[]
  readonly secretNames: readonly string[]
  readonly startThread: StartThread
  /** Told the path of each finished file, by the place of its sink. */
  readonly rotated: (file: number, path: string) => void
  readonly tell: TellOperator
  /** Where no thread can be started. */
  readonly inPlace: () => RecordWriter
}

/** How the places of a chain follow from those of the trail: both are the same until a thread has died. */
interface ThreadChain {
  readonly name: string
  readonly startedAtMs: number
  readonly offset: number
}

const EXIT_MS = 500
const LONGEST_PAUSE_MS = 5000

/**
 * A writer whose work another thread does. What that thread has not made durable is kept here: when it dies, the next one gets
 * it, in a chain of its own that names the end of the one before.
 */
export class ThreadWriter implements RecordWriter {
  private readonly options: ThreadWriterOptions
  private readonly listener: WriterListener
  private readonly held = new HeldRecords(2)
  private line: ThreadLine | undefined
  private inPlace: RecordWriter | undefined
  private progress = new ThreadProgress()
  private wasHeard = false
  private isStarted = false
  private isClosed = false
  private starting: Promise<ChainEnd | undefined> | undefined
  private failedStartMs = Number.NEGATIVE_INFINITY
  private failedAtMs: number | undefined
  private chain: ThreadChain
  private chainBefore: ThreadChain | undefined
  private deaths = 0
  private restart: NodeJS.Timeout | undefined
  private watch: NodeJS.Timeout | undefined
  private notesHeard = 0

  constructor(options: ThreadWriterOptions, listener: WriterListener) {
    this.options = options
    this.listener = listener
    this.chain = { name: options.chain, startedAtMs: options.startedAtMs, offset: 0 }
  }

  async start(): Promise<ChainEnd | undefined> {
    if (this.inPlace === undefined && this.isStarted) return undefined
    return this.inPlace?.start() ?? this.startBy('start')
  }

  async ready(): Promise<void> {
    await this.starting?.catch(() => undefined)
    await (this.inPlace?.ready() ?? this.startBy('ready'))
  }

  write(inputs: readonly RecordInput[]): void {
    if (this.inPlace !== undefined) {
      this.inPlace.write(inputs)
      return
    }
    const text = this.held.add(inputs, this.options.clock.wallMs())
    if (this.isStarted) this.line?.write(text)
    this.keepAlive()
  }

  wouldTry(): boolean {
    if (this.inPlace !== undefined) return this.inPlace.wouldTry()
    const failedMs = this.isStarted ? (this.failedAtMs ?? Number.NEGATIVE_INFINITY) : this.failedStartMs
    return this.options.clock.monotonicMs() - failedMs >= PROBE_MS
  }

  async drain(): Promise<void> {
    if (this.inPlace !== undefined) return this.inPlace.drain()
    // The listener hears of a failure.
    await this.line?.call('drain').catch(() => undefined)
  }

  drainAtExit(inputs: readonly RecordInput[]): number {
    if (this.inPlace !== undefined) return this.inPlace.drainAtExit(inputs)
    const text = this.held.add(inputs, this.options.clock.wallMs())
    if (!this.isStarted || this.failedAtMs !== undefined) return this.held.first - 1
    this.line?.write(text)
    const { offset } = this.chain
    this.progress.waitFor(this.held.first + this.held.count() - 1 - offset, EXIT_MS, this.options.clock)
    return offset + this.progress.read()
  }

  async close(): Promise<void> {
    this.isClosed = true
    clearTimeout(this.restart)
    clearTimeout(this.watch)
    const closing = this.line
    this.line = undefined
    await this.inPlace?.close()
    try {
      await closing?.call('close')
    } finally {
      await closing?.terminate()
    }
  }

  private startBy(order: 'start' | 'ready'): Promise<ChainEnd | undefined> {
    this.starting ??= this.begin(order).finally(() => {
      this.starting = undefined
    })
    return this.starting
  }

  private async begin(order: 'start' | 'ready'): Promise<ChainEnd | undefined> {
    if (this.isClosed) throw new Error('the trail is closed')
    const line = await this.connect()
    if (line === undefined) return (await this.inPlace?.[order]()) ?? undefined
    try {
      const found = await line.call(order)
      if (!this.isStarted) this.goOn(line, found)
      return found
    } catch (error) {
      this.failedStartMs = this.options.clock.monotonicMs()
      throw error
    }
  }

  /** A line to a thread that runs; `undefined` where none could ever be started and this thread writes instead. */
  private async connect(): Promise<ThreadLine | undefined> {
    try {
      this.line ??= this.open()
      const { line } = this
      await line.hello
      this.wasHeard = true
      return line
    } catch (error) {
      if (this.wasHeard) throw error
      this.line = undefined
      this.options.tell(`no thread could be started, records are written by the main one: ${messageOf(error)}`)
      this.inPlace = this.options.inPlace()
      return undefined
    }
  }

  private open(): ThreadLine {
    const { bufferRecords, deadlineMs, files, secretNames, startThread } = this.options
    this.progress = new ThreadProgress()
    const limits = { secretNames, bufferRecords, deadlineMs, files, progress: this.progress.shared }
    const worker = startThread({ chain: this.chain.name, startedAtMs: this.chain.startedAtMs, ...limits })
    const line: ThreadLine = new ThreadLine(worker, {
      told: (note) => this.hear(note),
      ended: (error) => this.bury(line, error),
    })
    return line
  }

  /** What the thread before had written, and could no longer tell, is not written again. */
  private goOn(line: ThreadLine, found: ChainEnd | undefined): void {
    if (found !== undefined && found.chain === this.chainBefore?.name) {
      this.settle(this.chainBefore.offset + found.seq, found)
    }
    this.chain = { ...this.chain, offset: this.held.first - 2 }
    this.isStarted = true
    this.failedAtMs = undefined
    for (const text of this.held.texts()) line.write(text)
    this.keepAlive()
  }

  private hear(note: ThreadNote): void {
    this.notesHeard += 1
    if (note.type === 'durable') {
      this.failedAtMs = undefined
      this.deaths = 0
      this.settle(this.chain.offset + note.count, note.end)
    } else if (note.type === 'failed') this.fail(fromPlainError(note.error))
    else if (note.type === 'measured') this.listener.report(note.measurement)
    else if (note.type === 'rotated') this.options.rotated(note.file, note.path)
    else if (note.type === 'told') this.options.tell(note.message)
  }

  private settle(count: number, end: ChainEnd): void {
    this.held.settle(count)
    this.keepAlive()
    this.listener.durable(count, end)
  }

  private fail(error: Error): void {
    this.failedAtMs = this.options.clock.monotonicMs()
    this.keepAlive()
    this.listener.failed(error)
  }

  /** Requests that wait are refused: only the next thread can find out whether their records were written. */
  private bury(gone: ThreadLine, error: Error): void {
    if (this.line !== gone || !this.wasHeard) return
    const { clock, tell } = this.options
    this.line = undefined
    if (this.isStarted) this.chainBefore = this.chain
    this.isStarted = false
    const startedAtMs = clock.wallMs()
    this.chain = { name: newChainName(startedAtMs), startedAtMs, offset: 0 }
    this.failedStartMs = clock.monotonicMs()
    tell(`the thread that writes records ended, another one is started: ${error.message}`)
    this.fail(error)
    this.scheduleStart()
  }

  private scheduleStart(): void {
    this.deaths += 1
    clearTimeout(this.restart)
    const again = (): void =>
      void this.startBy('start').catch(() => (this.line === undefined ? undefined : this.scheduleStart()))
    this.restart = setTimeout(again, Math.min(PROBE_MS * 2 ** (this.deaths - 1), LONGEST_PAUSE_MS))
    this.restart.unref()
  }

  /** A process does not end before its records are written, unless they cannot be. */
  private keepAlive(): void {
    this.line?.hold(this.held.count() > 0 && this.failedAtMs === undefined)
    if (this.held.count() > 0) this.watchSilence()
  }

  /** A thread that hangs tells nothing. */
  private watchSilence(): void {
    if (this.watch !== undefined) return
    const before = this.notesHeard
    const look = (): void => {
      this.watch = undefined
      const isSilent = this.held.count() > 0 && this.notesHeard === before
      if (isSilent) this.fail(new Error('the thread that writes records does not answer'))
      this.keepAlive()
    }
    this.watch = setTimeout(look, this.options.deadlineMs * 2 + PROBE_MS)
    this.watch.unref()
  }
}
