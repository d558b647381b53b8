import type { ChainEnd } from '../../record/audit-sink.ts'
import type { FileSettings } from '../../sinks/file/file-sink.ts'
import { messageOf } from '../../sinks/file/file-trouble.ts'
import type { TellOperator } from '../../sinks/file/tell-operator.ts'
import { newChainName } from '../chain.ts'
import { PROBE_MS, type Scribe, type ScribeListener, type ScribeOptions } from '../scribe.ts'
import { createHeldRecords } from './held-records.ts'
import { createThreadLine, type ThreadLine } from './thread-line.ts'
import { fromPlainError, type ThreadNote } from './thread-messages.ts'
import type { StartThread } from './thread-starter.ts'

/** What a scribe in a thread of its own needs. */
export interface ThreadScribeOptions extends Omit<ScribeOptions, 'sinks' | 'secrets'> {
  readonly files: readonly FileSettings[]
  readonly secretNames: readonly string[]
  readonly startThread: StartThread
  /** Told the path of each finished file, by the place of its sink. */
  readonly rotated: (file: number, path: string) => void
  readonly tell: TellOperator
  /** Where no thread can be started. */
  readonly inPlace: () => Scribe
}

const EXIT_MS = 500
const LONGEST_PAUSE_MS = 5000

/**
 * Makes a scribe whose work another thread does. What that thread has not made durable is kept here: when it dies, the next
 * one gets it, in a chain of its own that names the end of the one before.
 */
export function createThreadScribe(options: ThreadScribeOptions, listener: ScribeListener): Scribe {
  const { clock, deadlineMs, tell } = options
  let line: ThreadLine | undefined
  let inPlace: Scribe | undefined
  let progress = new Int32Array(new SharedArrayBuffer(4))
  let wasHeard = false
  let isStarted = false
  let isClosed = false
  let starting: Promise<ChainEnd | undefined> | undefined
  let failedStartMs = Number.NEGATIVE_INFINITY
  let failedAtMs: number | undefined
  const held = createHeldRecords(2)
  // How the places of a chain follow from those of the trail: both are the same until a thread has died.
  let chain = { name: options.chain, startedAtMs: options.startedAtMs, offset: 0 }
  let chainBefore: typeof chain | undefined
  let deaths = 0
  let restart: NodeJS.Timeout | undefined
  let watch: NodeJS.Timeout | undefined
  let notesHeard = 0

  function open(): ThreadLine {
    const { bufferRecords, files, secretNames, startThread } = options
    progress = new Int32Array(new SharedArrayBuffer(4))
    const limits = { secretNames, bufferRecords, deadlineMs, files, progress: progress.buffer }
    const worker = startThread({ chain: chain.name, startedAtMs: chain.startedAtMs, ...limits })
    const opened: ThreadLine = createThreadLine(worker, { told: hear, ended: (error) => bury(opened, error) })
    return opened
  }

  async function begin(order: 'start' | 'ready'): Promise<ChainEnd | undefined> {
    if (isClosed) throw new Error('the trail is closed')
    try {
      line ??= open()
      await line.hello
      wasHeard = true
    } catch (error) {
      if (wasHeard) throw error
      line = undefined
      tell(`no thread could be started, records are written by the main one: ${messageOf(error)}`)
      inPlace = options.inPlace()
      return await inPlace[order]().then((found) => found ?? undefined)
    }
    try {
      const found = await line.call(order)
      if (!isStarted) goOn(line, found)
      return found
    } catch (error) {
      failedStartMs = clock.monotonicMs()
      throw error
    }
  }

  /** What the thread before had written, and could no longer say, is not written again. */
  function goOn(opened: ThreadLine, found: ChainEnd | undefined): void {
    if (found !== undefined && found.chain === chainBefore?.name) settle(chainBefore.offset + found.seq, found)
    chain = { ...chain, offset: held.first() - 2 }
    isStarted = true
    failedAtMs = undefined
    for (const text of held.texts()) opened.write(text)
    keepAlive()
  }

  function startBy(order: 'start' | 'ready'): Promise<ChainEnd | undefined> {
    starting ??= begin(order).finally(() => {
      starting = undefined
    })
    return starting
  }

  function hear(note: ThreadNote): void {
    notesHeard += 1
    if (note.type === 'durable') {
      failedAtMs = undefined
      deaths = 0
      settle(chain.offset + note.count, note.end)
    } else if (note.type === 'failed') fail(fromPlainError(note.error))
    else if (note.type === 'measured') listener.report(note.measurement)
    else if (note.type === 'rotated') options.rotated(note.file, note.path)
    else if (note.type === 'told') tell(note.message)
  }

  function settle(count: number, end: ChainEnd): void {
    held.settle(count)
    keepAlive()
    listener.durable(count, end)
  }

  function fail(error: Error): void {
    failedAtMs = clock.monotonicMs()
    keepAlive()
    listener.failed(error)
  }

  /** Requests that wait are refused: only the next thread can find out whether their records were written. */
  function bury(gone: ThreadLine, error: Error): void {
    if (line !== gone || !wasHeard) return
    line = undefined
    if (isStarted) chainBefore = chain
    isStarted = false
    const startedAtMs = clock.wallMs()
    chain = { name: newChainName(startedAtMs), startedAtMs, offset: 0 }
    failedStartMs = clock.monotonicMs()
    tell(`the thread that writes records ended, another one is started: ${error.message}`)
    fail(error)
    scheduleStart()
  }

  function scheduleStart(): void {
    deaths += 1
    clearTimeout(restart)
    const again = (): void => void startBy('start').catch(() => (line === undefined ? undefined : scheduleStart()))
    restart = setTimeout(again, Math.min(PROBE_MS * 2 ** (deaths - 1), LONGEST_PAUSE_MS))
    restart.unref()
  }

  /** A process does not end before its records are written, unless they cannot be. */
  function keepAlive(): void {
    line?.hold(held.count() > 0 && failedAtMs === undefined)
    if (held.count() > 0) watchSilence()
  }

  /** A thread that hangs does not say so. */
  function watchSilence(): void {
    if (watch !== undefined) return
    const before = notesHeard
    const look = (): void => {
      watch = undefined
      if (held.count() > 0 && notesHeard === before) fail(new Error('the thread that writes records does not answer'))
      keepAlive()
    }
    watch = setTimeout(look, deadlineMs * 2 + PROBE_MS)
    watch.unref()
  }

  function waitForThread(): number {
    const endMs = clock.monotonicMs() + EXIT_MS
    const last = held.first() + held.count() - 1
    for (let leftMs = EXIT_MS; leftMs > 0; leftMs = endMs - clock.monotonicMs()) {
      const seen = Atomics.load(progress, 0)
      if (chain.offset + seen >= last) break
      Atomics.wait(progress, 0, seen, leftMs)
    }
    return chain.offset + Atomics.load(progress, 0)
  }

  return {
    start: async () => (inPlace === undefined && isStarted ? undefined : (inPlace?.start() ?? startBy('start'))),
    ready: async () => {
      await starting?.catch(() => undefined)
      await (inPlace?.ready() ?? startBy('ready'))
    },
    write: (inputs) => {
      if (inPlace !== undefined) return inPlace.write(inputs)
      const text = held.add(inputs, clock.wallMs())
      if (isStarted) line?.write(text)
      keepAlive()
    },
    wouldTry: () => {
      if (inPlace !== undefined) return inPlace.wouldTry()
      return clock.monotonicMs() - (isStarted ? (failedAtMs ?? Number.NEGATIVE_INFINITY) : failedStartMs) >= PROBE_MS
    },
    drain: async () => {
      if (inPlace !== undefined) return inPlace.drain()
      // What a drain fails by, the listener hears.
      await line?.call('drain').catch(() => undefined)
    },
    drainAtExit: (inputs) => {
      if (inPlace !== undefined) return inPlace.drainAtExit(inputs)
      const text = held.add(inputs, clock.wallMs())
      if (!isStarted || failedAtMs !== undefined) return held.first() - 1
      line?.write(text)
      return waitForThread()
    },
    close: async () => {
      isClosed = true
      clearTimeout(restart)
      clearTimeout(watch)
      const closing = line
      line = undefined
      await inPlace?.close()
      try {
        await closing?.call('close')
      } finally {
        await closing?.terminate()
      }
    },
  }
}
