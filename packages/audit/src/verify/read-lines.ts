import { createReadStream } from 'node:fs'
import { MAX_LINE_BYTES } from '../record/parse-line.ts'

/** One line of a file, without its line feed. */
export interface FileLine {
  readonly bytes: Buffer
  /** From 1. */
  readonly number: number
  /** Where the next line begins, from the start of the file. */
  readonly end: number
  /** Whether a line feed stands behind it: only the last line of a file may have none. */
  readonly isWhole: boolean
}

const LINE_FEED = 10

/**
 * Reads a file line by line in bounded memory: of a line that is longer than any record, no more than its beginning is kept.
 * @throws what the file system throws
 */
export async function* readLines(path: string): AsyncGenerator<FileLine, void> {
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  let end = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
    const data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (let at = data.indexOf(LINE_FEED); at >= 0; at = data.indexOf(LINE_FEED, from)) {
      number += 1
      end += at + 1 - from
      yield { bytes: data.subarray(from, at), number, end, isWhole: true }
      from = at + 1
    }
    rest = data.subarray(from)
    // One byte above the limit is enough for the reader to refuse it.
    if (rest.length > MAX_LINE_BYTES + 1) {
      end += rest.length - (MAX_LINE_BYTES + 1)
      rest = rest.subarray(0, MAX_LINE_BYTES + 1)
    }
  }
  if (rest.length > 0) yield { bytes: rest, number: number + 1, end: end + rest.length, isWhole: false }
}
