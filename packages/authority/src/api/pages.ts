import { Refusal } from '@countermark/core'

/** One page of a list that is sorted by a text. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  /** Where the next page begins; `undefined` behind the last one. */
  readonly next: string | undefined
}

/** The text behind which a page begins. @throws Refusal `cursor_invalid` */
export function readCursor(cursor: string | undefined): string {
  if (cursor === undefined) return ''
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  if (text.startsWith('after ') && writeCursor(text.slice('after '.length)) === cursor)
    return text.slice('after '.length)
  throw new Refusal('cursor_invalid', 'pass the cursor that the page before gave as next')
}

/** Cuts one row more than a page has into a page and its cursor. */
export function toPage<Row>(rows: readonly Row[], limit: number, keyOf: (row: Row) => string): Page<Row> {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  return { rows: kept, next: rows.length > limit && last !== undefined ? writeCursor(keyOf(last)) : undefined }
}

function writeCursor(after: string): string {
  return Buffer.from(`after ${after}`).toString('base64url')
}
