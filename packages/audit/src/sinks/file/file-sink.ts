import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, Misconfigured } from '@countermark/core'
import { callback, custom, flag, methods, number, optionTable, systemClock, word } from '@countermark/core/internal'
import type { SealedRecord } from '../../record/chain.ts'
import type { AuditSink, FoundTrail } from '../sink.ts'
import { REFRESH_MS } from './file-lock.ts'
import { explainTrouble, messageOf, TroubleTeller, tellOperator } from './file-system.ts'
import { TrailFile, type TrailFileOptions } from './trail-file.ts'

/** Options of {@link fileSink}. */
export interface FileSinkOptions {
  /**
   * The file that is written now. Full ones stand beside it, with the time in their names. One writer each. Its folder must be
   * there: one that is missing may be a volume that is not mounted.
   */
  readonly path: string
  /**
   * When records are on the disk: `group` makes all that wait durable together, `each` one after the other, `never` leaves
   * it to the system, which survives the end of the process but not of the machine. @default 'group'
   */
  readonly fsync?: 'group' | 'each' | 'never'
  /** When a file is full. Bytes. @default 268_435_456 */
  readonly maxBytes?: number
  /** Begin a new file with each day of UTC too. @default true */
  readonly daily?: boolean
  /** Told the path of each file that is finished, to ship or compress it. @default not told */
  readonly onRotated?: (path: string) => void
  /** @default the machine's clock */
  readonly clock?: Clock
}

/** What another thread needs to write the same file. `writer` names the sink in the lock of its file. */
export type FileSettings = Omit<TrailFileOptions, 'onRotated' | 'clock' | 'tell'>

const settingsOfSinks = new WeakMap<AuditSink, TrailFileOptions>()

/** The settings of a file sink of this package that goes by the machine's clock; of any other sink `undefined`. */
export function fileSettingsOf(sink: AuditSink): TrailFileOptions | undefined {
  const settings = settingsOfSinks.get(sink)
  return settings?.clock === systemClock ? settings : undefined
}

/** Tells the operator of a file sink whose folder is not there. */
export function tellMissingFolder(sink: AuditSink): void {
  const settings = settingsOfSinks.get(sink)
  if (settings === undefined || existsSync(dirname(settings.path))) return
  const { path, tell } = settings
  tell(`${path} cannot be written: ${messageOf(explainTrouble({ code: 'ENOENT' }, path))}`)
}

/**
 * Writes records as lines of JSON, readable by their owner only. What could not be written whole is taken back; the file is
 * opened anew until it can, and whenever another file took its path.
 * @throws {@link Misconfigured}
 */
export function fileSink(options: FileSinkOptions): AuditSink {
  const settings = readOptions(options)
  const sink = createFileSink(settings)
  settingsOfSinks.set(sink, settings)
  return sink
}

/** The same from settings that were validated. */
export function createFileSink(settings: TrailFileOptions): AuditSink {
  const writer = new FileWriter(settings)
  return {
    name: 'file',
    durable: true,
    append: (records) => writer.append(records),
    ready: () => writer.ready(),
    close: () => writer.close(),
  }
}

/** Writes one batch after the other. */
class FileWriter {
  private readonly settings: TrailFileOptions
  private readonly file: TrailFile
  /** The last record of each chain: after a failure the same ones may come again, and must not be written twice. */
  private readonly written = new Map<string, number>()
  private queue: Promise<unknown> = Promise.resolve()
  private isClosed = false
  private readonly trouble: TroubleTeller
  private looking: NodeJS.Timeout | undefined

  constructor(settings: TrailFileOptions) {
    this.settings = settings
    this.trouble = new TroubleTeller(settings.path, settings.tell)
    this.file = new TrailFile({ ...settings, onRotated: (finished) => this.tellFinished(finished) })
  }

  append(records: readonly SealedRecord[]): Promise<void> {
    return this.inTurn(() => this.orTell(() => this.write(records)))
  }

  ready(): Promise<FoundTrail> {
    return this.inTurn(() => this.orTell(() => this.open()))
  }

  close(): Promise<void> {
    return this.inTurn(async () => {
      this.isClosed = true
      clearInterval(this.looking)
      await this.file.close()
    })
  }

  private async open(): Promise<FoundTrail> {
    const found = await this.file.open()
    this.lookNowAndThen()
    return found
  }

  private async write(records: readonly SealedRecord[]): Promise<void> {
    if (this.isClosed) throw new Error('the sink is closed')
    const fresh = records.filter(({ chain, seq }) => seq > (this.written.get(chain) ?? 0))
    if (fresh.length === 0) return
    const groups = this.settings.fsync === 'each' ? fresh.map((record) => [record]) : [fresh]
    for (const group of groups) {
      await this.file.append(toBytes(group))
      for (const { chain, seq } of group) this.written.set(chain, seq)
    }
    this.lookNowAndThen()
  }

  /** What a listener throws must not cost a record. */
  private tellFinished(finished: string): void {
    try {
      this.settings.onRotated(finished)
    } catch (error) {
      this.settings.tell(`onRotated failed for ${finished}: ${messageOf(error)}`)
    }
  }

  private async orTell<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      if (!this.isClosed) this.trouble.succeeded()
      return result
    } catch (error) {
      if (!this.isClosed) this.trouble.failed(error)
      throw error
    }
  }

  /** Also while no record comes: the lock must not look abandoned, and a file that was cut has to be mended. */
  private lookNowAndThen(): void {
    if (this.looking !== undefined || this.isClosed) return
    const look = (): void => void this.inTurn(() => this.file.look()).catch(() => undefined)
    this.looking = setInterval(look, REFRESH_MS)
    this.looking.unref()
  }

  /** One after the other, also when a caller did not wait for the one before. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.queue.then(work, work)
    this.queue = next.catch(() => undefined)
    return next
  }
}

const LINE_FEED = 10

/** Line by line into one buffer: to join them first costs three times as much. */
function toBytes(records: readonly SealedRecord[]): Buffer {
  const size = records.reduce((sum, { line }) => sum + Buffer.byteLength(line) + 1, 0)
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const { line } of records) {
    at += bytes.write(line, at, 'utf8')
    bytes[at++] = LINE_FEED
  }
  return bytes
}

const OPTIONS = optionTable('fileSink', {
  path: custom((_, path) => {
    if (typeof path === 'string' && path !== '' && !path.endsWith('/')) return path
    const message = 'fileSink needs the path of a file, such as /var/log/app/audit.ndjson'
    throw new Misconfigured('ERR_OPTION_MISSING', message)
  }),
  fsync: word(['group', 'each', 'never'], 'group'),
  maxBytes: number({ min: 4096, default: 268_435_456 }),
  daily: flag(true),
  onRotated: callback<(path: string) => void>(),
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
})

function readOptions(options: FileSinkOptions): TrailFileOptions {
  const { clock = systemClock, onRotated = () => {}, ...settings } = OPTIONS.read(options)
  return { ...settings, clock, onRotated, writer: randomBytes(8).toString('hex'), tell: tellOperator }
}
