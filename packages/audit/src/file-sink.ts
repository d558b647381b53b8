import {
  type Clock,
  Misconfigured,
  requireKnownOptions,
  requireNumber,
  requireWord,
  systemClock,
} from '@countermark/core'
import type { AuditSink, SealedRecord } from './audit-sink.ts'
import { createTrailFile, type Fsync } from './trail-file.ts'

/** Options of {@link fileSink}. */
export interface FileSinkOptions {
  /** The file that is written now. Full ones stand beside it, with the time in their names. One process each. */
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

/** What another thread needs to write the same file. */
export interface FileSettings extends Required<Pick<FileSinkOptions, 'path' | 'fsync' | 'maxBytes' | 'daily'>> {}

const readSettings = new WeakMap<AuditSink, Required<FileSinkOptions>>()

/** The settings of a file sink of this package that goes by the machine's clock; of any other sink `undefined`. */
export function fileSettingsOf(sink: AuditSink): Required<FileSinkOptions> | undefined {
  const settings = readSettings.get(sink)
  return settings?.clock === systemClock ? settings : undefined
}

/**
 * Writes records as lines of JSON, readable by their owner only. What could not be written whole is taken back; the file is
 * opened anew until it can.
 * @throws {@link Misconfigured}
 */
export function fileSink(options: FileSinkOptions): AuditSink {
  const settings = readOptions(options)
  const file = createTrailFile(settings)
  // The last record of each chain: after a failure the same ones may come again, and must not stand there twice.
  const written = new Map<string, number>()
  let queue: Promise<unknown> = Promise.resolve()
  let isClosed = false

  const isNew = ({ chain, seq }: SealedRecord): boolean => seq > (written.get(chain) ?? 0)

  async function write(records: readonly SealedRecord[]): Promise<void> {
    if (isClosed) throw new Error('the sink is closed')
    const fresh = records.filter(isNew)
    if (fresh.length === 0) return
    await file.append(fresh.map(({ line }) => line))
    for (const { chain, seq } of fresh) written.set(chain, seq)
  }

  /** One after the other, also when somebody did not wait for the one before. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = queue.then(work, work)
    queue = next.catch(() => undefined)
    return next
  }

  const sink: AuditSink = {
    name: 'file',
    durable: true,
    append: (records) => inTurn(() => write(records)),
    ready: () => inTurn(file.open),
    close: () =>
      inTurn(async () => {
        isClosed = true
        await file.close()
      }),
  }
  readSettings.set(sink, settings)
  return sink
}

const KNOWN = ['path', 'fsync', 'maxBytes', 'daily', 'onRotated', 'clock']

function readOptions(options: FileSinkOptions): Required<FileSinkOptions> {
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
  }
}
