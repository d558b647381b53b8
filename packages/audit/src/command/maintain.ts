import { createPrivateKey } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { inWrittenOrder } from '../record/trail-files.ts'
import { fileStore } from '../retention/file-store.ts'
import { TamperedTrail, type TrailStore } from '../retention/trail-store.ts'
import { fileSink } from '../sinks/file/file-sink.ts'
import { type AuditTrail, auditTrail } from '../trail/audit-trail.ts'
import { fileAnchor } from '../trail/checkpoint.ts'
import type { CheckpointOptions } from '../trail/checkpoint-writer.ts'
import { type CommandInput, type CommandOutput, EXIT } from './command.ts'
import { checkpointPaths, commandAnchors } from './command-anchors.ts'
import { findingText } from './verify-text.ts'

/** Changes a trail, records it, and answers with what to tell. */
export type Maintenance = (store: TrailStore, record: AuditTrail['event']) => Promise<string>

/**
 * Does something to files of a trail, once they are verified, and records it in a chain of its own: in `--log`, or behind the
 * last of the files, whose end it names. The file is opened only once the work is done, and has changed nothing in it since.
 */
export async function maintain(input: CommandInput, { stdout }: CommandOutput, work: Maintenance): Promise<number> {
  const { files, options } = input
  const log = typeof options['log'] === 'string' ? options['log'] : undefined
  const path = log ?? (await inWrittenOrder(files)).at(-1)?.path
  if (path === undefined) throw new TypeError('no files were given')
  const anchors = await commandAnchors(input)
  const checkpoints = await readSigning(options)
  const beside = log !== undefined && existsSync(log) ? [log] : []
  const store = fileStore(files, { anchors, partial: options['partial'] === true, beside })
  const record = (event: Parameters<AuditTrail['event']>[0]): Promise<void> => recordIn(path, checkpoints, event)
  try {
    stdout.write(`${await work(store, record)}\n`)
    if (checkpoints === undefined) stdout.write(UNSIGNED)
    return EXIT.intact
  } catch (error) {
    if (!(error instanceof TamperedTrail)) throw error
    return refuse(error, stdout)
  }
}

const UNSIGNED =
  'the event is not anchored: what a checkpoint vouches for counts as tampered until a checkpoint vouches for the event, its own ' +
  '(--checkpoints FILE --key FILE --sign FILE) or one of a chain that goes on behind it in the same file\n'

function refuse({ findings, message }: TamperedTrail, stdout: Writable): number {
  for (const finding of findings) stdout.write(findingText(finding))
  stdout.write(`TAMPERED: ${message}\n`)
  return EXIT.tampered
}

async function recordIn(
  path: string,
  checkpoints: CheckpointOptions | undefined,
  event: Parameters<AuditTrail['event']>[0],
): Promise<void> {
  const sinks = [fileSink({ path, daily: false })]
  const trail = auditTrail({ sinks, ...(checkpoints === undefined ? {} : { checkpoints }) })
  try {
    await trail.ready()
    await trail.event(event)
    await trail.flush()
  } finally {
    await trail.close()
  }
}

async function readSigning(options: CommandInput['options']): Promise<CheckpointOptions | undefined> {
  const { sign } = options
  const [path] = checkpointPaths(options)
  if (typeof sign !== 'string') return undefined
  if (path === undefined) throw new TypeError('--sign needs --checkpoints, the file in which it signs')
  return { key: createPrivateKey(await readFile(sign, 'utf8')), anchors: [fileAnchor({ path })] }
}
