import { fileSettingsOf } from '../sinks/file/file-sink.ts'
import type { TellOperator } from '../sinks/file/file-trouble.ts'
import { LocalWriter, type RecordWriter, type WriterListener, type WriterOptions } from './record-writer.ts'
import type { StartThread } from './thread/thread-messages.ts'
import { ThreadWriter } from './thread/thread-writer.ts'
import type { TrailSettings } from './trail-options.ts'

/** What a trail knows besides its settings when it chooses. */
export interface WriterSurroundings extends Pick<WriterOptions, 'chain' | 'startedAtMs'> {
  readonly startThread: StartThread | undefined
  readonly tell: TellOperator
}

/** A writer in a thread of its own where all it needs can be sent there: files alone. Otherwise in this one. */
export function chooseWriter(
  settings: TrailSettings,
  { chain, startedAtMs, startThread, tell }: WriterSurroundings,
  listener: WriterListener,
): RecordWriter {
  const { sinks, bufferRecords, deadlineMs, clock, rules, worker } = settings
  const shared = { chain, startedAtMs, bufferRecords, deadlineMs, clock }
  const inPlace = (): RecordWriter => new LocalWriter({ ...shared, sinks, mask: rules.mask }, listener)
  const given = sinks.map(fileSettingsOf)
  if (!worker || startThread === undefined || !given.every((each) => each !== undefined)) return inPlace()
  const files = given.map(({ path, fsync, maxBytes, daily, writer }) => ({ path, fsync, maxBytes, daily, writer }))
  const { secretNames } = rules
  const rotated = (file: number, path: string): void => given[file]?.onRotated(path)
  return new ThreadWriter({ ...shared, files, secretNames, startThread, rotated, tell, inPlace }, listener)
}
