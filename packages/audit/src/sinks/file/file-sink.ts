import { randomBytes } from 'node:crypto'
import { type Clock, Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import { requireWord, systemClock } from '@countermark/core/internal'
import type { AuditSink, SealedRecord } from '../../record/audit-sink.ts'
import { REFRESH_MS } from './file-lock.ts'
import { messageOf } from './file-trouble.ts'
import { type TellOperator, tellOperator } from './tell-operator.ts'
import { createTrailFile, type Fsync } from './trail-file.ts'

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
  readonly fsync?: Fsync
  /** When a file is full. Bytes. @default 268_435_456 */
  readonly maxBytes?: number
  /** Begin a new file with each day of UTC too. @default true */
  readonly daily?: boolean
  /** Told the path of each file that is finished, to ship or compress it. @default nobody is told */
  readonly onRotated?: (path: string) => void
  /** @default the machine's clock */
  readonly clock?: Clock
}

/** What another thread needs to write the same file. `writer` names the sink in the lock of its file. */
export interface FileSettings extends Required<Pick<FileSinkOptions, 'path' | 'fsync' | 'maxBytes' | 'daily'>> {
  readonly writer: string
}

/** All that a sink is made of. */
export interface FileSinkSettings extends FileSettings {
  readonly onRotated: (path: string) => void
  readonly clock: Clock
  readonly tell: TellOperator
}

const settingsOfSinks = new WeakMap<AuditSink, FileSinkSettings>()

/** The settings of a file sink of this package that goes by the machine's clock; of any other sink `undefined`. */
export function fileSettingsOf(sink: AuditSink): FileSinkSettings | undefined {
  const settings = settingsOfSinks.get(sink)
  return settings?.clock === systemClock ? settings : undefined
}

/**
 * Writes records as lines of JSON, readable by their owner only. What could not be written whole is taken back; the file is
 * opened anew until it can, and whenever another one stands at its path.
 * @throws {@link Misconfigured}
 */
export function fileSink(options: FileSinkOptions): AuditSink {
  const settings = readOptions(options)
  const sink = createFileSink(settings)
  settingsOfSinks.set(sink, settings)
  return sink
}

/** The same from settings that were validated. */
export function createFileSink(settings: FileSinkSettings): AuditSink {
  const { fsync, path, tell } = settings
  const file = createTrailFile({ ...settings, onRotated: tellFinished })
  // The last record of each chain: after a failure the same ones may come again, and must not stand there twice.
  const written = new Map<string, number>()
  let queue: Promise<unknown> = Promise.resolve()
  let isClosed = false
  let trouble: string | undefined
  let looking: NodeJS.Timeout | undefined

  const isNew = ({ chain, seq }: SealedRecord): boolean => seq > (written.get(chain) ?? 0)

  /** What a listener throws must not cost a record. */
  function tellFinished(finished: string): void {
    try {
      settings.onRotated(finished)
    } catch (error) {
      tell(`onRotated failed for ${finished}: ${messageOf(error)}`)
    }
  }

  async function write(records: readonly SealedRecord[]): Promise<void> {
    if (isClosed) throw new Error('the sink is closed')
    const fresh = records.filter(isNew)
    if (fresh.length === 0) return
    const groups = fsync === 'each' ? fresh.map((record) => [record]) : [fresh]
    for (const group of groups) {
      await file.append(toBytes(group))
      for (const { chain, seq } of group) written.set(chain, seq)
    }
    lookNowAndThen()
  }

  /** Each trouble is told once: what asks again and again fails again and again. */
  async function orTell<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      if (trouble !== undefined && !isClosed) tell(`${path} is written again`)
      trouble = undefined
      return result
    } catch (error) {
      const message = messageOf(error)
      if (message !== trouble && !isClosed) tell(`${path} cannot be written: ${message}`)
      trouble = message
      throw error
    }
  }

  /** Also while no record comes: the lock must not look abandoned, and a file that was cut has to be mended. */
  function lookNowAndThen(): void {
    if (looking !== undefined || isClosed) return
    looking = setInterval(() => void inTurn(file.look).catch(() => undefined), REFRESH_MS)
    looking.unref()
  }

  /** One after the other, also when somebody did not wait for the one before. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = queue.then(work, work)
    queue = next.catch(() => undefined)
    return next
  }

  return {
    name: 'file',
    durable: true,
    append: (records) => inTurn(() => orTell(() => write(records))),
    ready: () =>
      inTurn(() =>
        orTell(async () => {
          const found = await file.open()
          lookNowAndThen()
          return found
        }),
      ),
    close: () =>
      inTurn(async () => {
        isClosed = true
        clearInterval(looking)
        await file.close()
      }),
  }
}

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

const LINE_FEED = 10

const KNOWN = ['path', 'fsync', 'maxBytes', 'daily', 'onRotated', 'clock']

function readOptions(options: FileSinkOptions): FileSinkSettings {
  requireKnownOptions('fileSink', options, KNOWN)
  const {
    path,
    fsync = 'group',
    maxBytes = 268_435_456,
    daily = true,
    onRotated = () => {},
    clock = systemClock,
  } = options
  if (typeof path !== 'string' || path === '' || path.endsWith('/')) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      'fileSink needs the path of a file, such as /var/log/app/audit.ndjson',
    )
  }
  if (typeof daily !== 'boolean' || typeof onRotated !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'fileSink.daily must be true or false, onRotated a function')
  }
  return {
    path,
    fsync: requireWord('fsync', fsync, ['group', 'each', 'never']),
    maxBytes: requireNumber('maxBytes', maxBytes, { min: 4096 }),
    daily,
    onRotated,
    clock,
    writer: randomBytes(8).toString('hex'),
    tell: tellOperator,
  }
}
