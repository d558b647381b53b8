import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { flag, methods, optionTable, strings } from '@countermark/core/internal'
import {
  type FileLine,
  inWrittenOrder,
  MAX_LINE_BYTES,
  parseLine,
  placedLine,
  readLines,
} from '../record/read-trail.ts'
import { type Anchors, NO_ANCHORS } from '../verify/anchors.ts'
import { verifyTrail } from '../verify/verify-trail.ts'
import { type ChangeRecord, refuseTampered, type TrailStore } from './trail-store.ts'

/** How files are verified before they are changed. */
export interface FileStoreOptions {
  /** Checkpoints that must hold. @default none: the chains must hold by themselves */
  readonly anchors?: Anchors
  /** Older files were taken away on purpose. @default false */
  readonly partial?: boolean
  /** Other files of the trail, which are not changed: those that tell of earlier changes. @default none */
  readonly beside?: readonly string[]
}

const OPTIONS = optionTable('fileStore', {
  anchors: methods<Anchors>(['find', 'ends']),
  partial: flag(false),
  beside: strings([]),
})

/**
 * Files of a trail that are no longer written: finished ones, or those of a process that has stopped. Each file that changes is
 * written anew beside itself and takes its own place at once, so that a failure leaves the old one.
 * @throws {@link Misconfigured}
 */
export function fileStore(paths: readonly string[], options: FileStoreOptions = {}): TrailStore {
  const { anchors = NO_ANCHORS, partial, beside } = OPTIONS.read(options)
  return {
    verify: async () => {
      const { findings } = await verifyTrail([...paths, ...beside], { anchors, partial, allowEmpty: true })
      refuseTampered(findings)
    },
    change: async (change) => {
      for (const { path } of await inWrittenOrder(paths)) await changeFile(path, change)
    },
  }
}

async function changeFile(path: string, change: ChangeRecord): Promise<void> {
  const before = await stat(path)
  const beside = `${path}.rewritten`
  const output = await open(beside, 'wx', before.mode & 0o777)
  try {
    const changed = await copyLines(path, output, change)
    await output.chown(before.uid, before.gid)
    await output.sync()
    await output.close()
    const after = await stat(path)
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs || after.ino !== before.ino) {
      throw new Error(`${path} is being written: stop its process, or take finished files only`)
    }
    if (changed) await rename(beside, path)
  } finally {
    await output.close()
    await rm(beside, { force: true })
  }
}

const FLUSH_BYTES = 1 << 20

async function copyLines(path: string, output: FileHandle, change: ChangeRecord): Promise<boolean> {
  let changed = false
  let pending: Buffer[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    await output.writeFile(Buffer.concat(pending))
    pending = []
    bytes = 0
  }
  for await (const line of readLines(path)) {
    if (line.bytes.length > MAX_LINE_BYTES) throw new Error(`${path}:${line.number} is longer than any record`)
    const replaced = changedLine(line, change)
    changed ||= replaced !== undefined
    const written = Buffer.concat([replaced ?? line.bytes, Buffer.from(line.isWhole ? '\n' : '')])
    pending.push(written)
    bytes += written.length
    if (bytes >= FLUSH_BYTES) await flush()
  }
  await flush()
  return changed
}

/** Lines that are no records stay as they are, for the verifier to judge. */
function changedLine({ bytes, isWhole }: FileLine, change: ChangeRecord): Buffer | undefined {
  const sealed = isWhole ? parseLine(bytes) : undefined
  const changed = sealed && change(sealed)
  if (changed === undefined) return undefined
  return Buffer.from(placedLine(changed))
}
