import { createPrivateKey } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { inWrittenOrder } from '../record/read-trail.ts'
import { eraseSubject } from '../retention/erase-subject.ts'
import { fileStore } from '../retention/file-store.ts'
import { pruneRecords } from '../retention/prune-records.ts'
import { TamperedTrail, type TrailStore } from '../retention/trail-store.ts'
import { fileSink } from '../sinks/file/file-sink.ts'
import { type AuditTrail, auditTrail } from '../trail/audit-trail.ts'
import { type CheckpointOptions, fileAnchor } from '../trail/checkpoint.ts'
import {
  type Command,
  type CommandInput,
  type CommandOutput,
  checkpointPaths,
  commandAnchors,
  EXIT,
} from './command.ts'
import { findingText } from './verify-and-report.ts'

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

/** `erase --subject USER FILE…`: forgets a person in files that are no longer written. */
export const eraseCommand: Command = async (input, output) => {
  const { subject, 'pseudonym-key': keyPath } = input.options
  if (typeof subject !== 'string' || subject === '') throw new TypeError('erase needs --subject, the user to forget')
  const pseudonyms = typeof keyPath === 'string' ? { pseudonymKey: await readFile(keyPath) } : {}
  return maintain(input, output, async (store, record) => {
    const { records } = await eraseSubject(store, { subject, record, ...pseudonyms })
    return `erased what ${records} records held about the subject; every chain holds as before`
  })
}

/** `prune --keep CLASS=DAYS… FILE…`: leaves only the places of records past their time, in files that are no longer written. */
export const pruneCommand: Command = async (input, output) => {
  const keepDays = readKeep(input.options['keep'])
  return maintain(input, output, async (store, record) => {
    const { records } = await pruneRecords(store, { keepDays, record })
    return `pruned ${records} records; every chain holds as before`
  })
}

function readKeep(rows: CommandInput['options'][string]): Readonly<Record<string, number>> {
  if (!Array.isArray(rows)) throw new TypeError('prune needs --keep CLASS=DAYS for each class, such as --keep phi=2190')
  return Object.fromEntries(
    rows.map((row) => {
      const [, name, days] = /^(\*|[a-z][a-z0-9_-]*)=([0-9]+)$/.exec(String(row)) ?? []
      if (name === undefined) throw new TypeError('--keep is CLASS=DAYS, such as phi=2190, event=365 or *=365')
      return [name, Number(days)]
    }),
  )
}
