import { fileSettingsOf } from '../sinks/file/file-sink.ts'
import type { TellOperator } from '../sinks/file/tell-operator.ts'
import { createScribe, type Scribe, type ScribeListener, type ScribeOptions } from './scribe.ts'
import { createThreadScribe } from './thread/thread-scribe.ts'
import type { StartThread } from './thread/thread-starter.ts'
import type { TrailSettings } from './trail-options.ts'

/** What is decided elsewhere about a scribe. */
export interface ScribeSurroundings extends Pick<ScribeOptions, 'chain' | 'startedAtMs'> {
  readonly startThread: StartThread | undefined
  readonly tell: TellOperator
}

/** A scribe in a thread of its own where all it needs can be sent there: files alone. Otherwise in this one. */
export function chooseScribe(settings: TrailSettings, around: ScribeSurroundings, listener: ScribeListener): Scribe {
  const { sinks, bufferRecords, deadlineMs, clock, rules, worker } = settings
  const { chain, startedAtMs, startThread, tell } = around
  const shared = { chain, startedAtMs, bufferRecords, deadlineMs, clock }
  const inPlace = (): Scribe => createScribe({ ...shared, sinks, secrets: rules.secrets }, listener)
  const given = sinks.map(fileSettingsOf)
  if (!worker || startThread === undefined) return inPlace()
  if (!given.every((each) => each !== undefined)) return inPlace()
  const files = given.map(({ path, fsync, maxBytes, daily, writer }) => ({ path, fsync, maxBytes, daily, writer }))
  const { secretNames } = rules
  const rotated = (file: number, path: string): void => given[file]?.onRotated(path)
  return createThreadScribe({ ...shared, files, secretNames, startThread, rotated, tell, inPlace }, listener)
}
