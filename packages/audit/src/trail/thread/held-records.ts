import { type RecordInput, unwritableInput } from '../../record/write-record.ts'

interface Batch {
  readonly count: number
  readonly text: string
}

/** What a thread was told to write and has not made durable yet, as JSON texts of many records each. */
export class HeldRecords {
  /** Place in the trail of the first record held, or of the next one that comes. */
  first: number
  private next: number
  private readonly batches: Batch[] = []
  private batchesFrom: number

  /** `from`: the place of the first record that comes. */
  constructor(from: number) {
    this.first = from
    this.next = from
    this.batchesFrom = from
  }

  count(): number {
    return this.next - this.first
  }

  /** Keeps records. Answers with their text. */
  add(inputs: readonly RecordInput[], atMs: number): string {
    const text = textOf(inputs, atMs)
    this.batches.push({ count: inputs.length, text })
    this.next += inputs.length
    return text
  }

  /** Forgets everything up to this place. */
  settle(last: number): void {
    const { batches } = this
    this.first = Math.min(Math.max(this.first, last + 1), this.next)
    for (let head = batches[0]; head !== undefined && this.batchesFrom + head.count <= this.first; head = batches[0]) {
      this.batchesFrom += head.count
      batches.shift()
    }
  }

  texts(): readonly string[] {
    const settled = this.first - this.batchesFrom
    return this.batches.map(({ text }, index) => (index === 0 && settled > 0 ? without(text, settled) : text))
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

/** Another record takes the place of one with a fact that JSON cannot say. */
function textOfOne(input: RecordInput, atMs: number): string {
  try {
    return JSON.stringify(input)
  } catch {
    return JSON.stringify(unwritableInput(input, atMs))
  }
}

function without(text: string, count: number): string {
  const inputs: readonly RecordInput[] = JSON.parse(text)
  return JSON.stringify(inputs.slice(count))
}
