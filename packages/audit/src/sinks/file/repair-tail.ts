import { type FileHandle, open } from 'node:fs/promises'
import { MAX_LINE_BYTES, parsePlaced } from '../../record/parse-line.ts'
import type { FoundTrail } from '../audit-sink.ts'

const LINE_FEED = 10
/** `{` and `}`: what does not begin and end with them need not be parsed. */
const OPENING = 123
const CLOSING = 125

/**
 * Looks at the end of a file of records. What follows the last whole record, half a line when a process died in the
 * middle of it, is copied to a file beside and cut off, so that the next record begins a line of its own.
 */
export async function repairTail(handle: FileHandle, path: string, stamp: string): Promise<FoundTrail> {
  const { size } = await handle.stat()
  const tail = Buffer.alloc(Math.min(size, 2 * MAX_LINE_BYTES))
  await handle.read(tail, 0, tail.length, size - tail.length)
  const last = findLastRecord(tail)
  if (last === undefined && tail.length < size) throw new Error(`${path} does not end in a record of an audit trail`)
  const { end, from } = last ?? { end: undefined, from: 0 }
  const partial = tail.subarray(from)
  if (partial.length > 0) await setAside(handle, size - partial.length, partial, `${path}.${stamp}.partial`)
  return {
    ...(end === undefined ? {} : { end }),
    ...(partial.length === 0 ? {} : { partialBytes: partial.length }),
  }
}

interface LastRecord {
  readonly end: FoundTrail['end']
  /** Where the bytes behind it begin. */
  readonly from: number
}

/**
 * A page that never reached the disk may leave whole lines of zeros behind. Only JSON can be a record; a line of JSON stays where it
 * is, for the verifier to check.
 */
function findLastRecord(tail: Buffer): LastRecord | undefined {
  let lineEnd = tail.lastIndexOf(LINE_FEED)
  while (lineEnd >= 0) {
    const before = lineEnd === 0 ? -1 : tail.lastIndexOf(LINE_FEED, lineEnd - 1)
    const line = tail.subarray(before + 1, lineEnd)
    if (isJson(line)) return { end: endOf(line), from: lineEnd + 1 }
    lineEnd = before
  }
  return undefined
}

function endOf(line: Buffer): FoundTrail['end'] {
  const sealed = parsePlaced(line)
  return sealed && { chain: sealed.chain, seq: sealed.seq, hash: sealed.hash }
}

function isJson(line: Buffer): boolean {
  if (line[0] !== OPENING || line.at(-1) !== CLOSING) return false
  try {
    JSON.parse(line.toString('utf8'))
    return true
  } catch {
    // Half a line, or zeros.
    return false
  }
}

/** Copied first and made durable, then cut off: at no moment are the bytes nowhere. */
async function setAside(handle: FileHandle, size: number, partial: Buffer, path: string): Promise<void> {
  const copy = await open(path, 'wx', 0o600)
  try {
    await copy.writeFile(partial)
    await copy.datasync()
  } finally {
    await copy.close()
  }
  await handle.truncate(size)
  await handle.datasync()
}
