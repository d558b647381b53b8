import { type RecordInput, unwritable } from '../../record/record-input.ts'

/** What a thread was told to write and has not made durable yet, as JSON texts of many records each. */
export interface HeldRecords {
  /** Place in the trail of the first record held, or of the next one that comes. */
  readonly first: () => number
  readonly count: () => number
  /** Keeps records. Answers with their text. */
  readonly add: (inputs: readonly RecordInput[], atMs: number) => string
  /** Forgets everything up to this place. */
  readonly settle: (last: number) => void
  readonly texts: () => readonly string[]
}

interface Batch {
  readonly count: number
  readonly text: string
}

/** Keeps records from the one at this place on. */
export function createHeldRecords(from: number): HeldRecords {
  const batches: Batch[] = []
  let batchesFrom = from
  let first = from
  let next = from
  return {
    first: () => first,
    count: () => next - first,
    add: (inputs, atMs) => {
      const text = textOf(inputs, atMs)
      batches.push({ count: inputs.length, text })
      next += inputs.length
      return text
    },
    settle: (last) => {
      first = Math.min(Math.max(first, last + 1), next)
      for (let batch = batches[0]; batch !== undefined && batchesFrom + batch.count <= first; batch = batches[0]) {
        batchesFrom += batch.count
        batches.shift()
      }
    },
    texts: () =>
      batches.map(({ text }, index) =>
        index === 0 && first > batchesFrom ? without(text, first - batchesFrom) : text,
      ),
  }
}

/** All at once: each call of it has a price. */
function textOf(inputs: readonly RecordInput[], atMs: number): string {
  try {
    return JSON.stringify(inputs)
  } catch {
    return `[${inputs.map((input) => textOfOne(input, atMs)).join(',')}]`
  }
}

/** A fact that JSON cannot say is told of in the place of its record. */
function textOfOne(input: RecordInput, atMs: number): string {
  try {
    return JSON.stringify(input)
  } catch {
    const id = 'decision' in input ? input.id : input.record.id
    return JSON.stringify(unwritable(id, 'decision' in input ? 'decision' : input.record.type, atMs))
  }
}

function without(text: string, count: number): string {
  const inputs: readonly RecordInput[] = JSON.parse(text)
  return JSON.stringify(inputs.slice(count))
}
