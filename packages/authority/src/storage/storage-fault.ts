import { isUnavailable, Unavailable } from '@countermark/core'
import type {} from '../http/codes.ts'

/** What SQLite and PostgreSQL say when they cannot be asked now: full, locked, gone, starting, stopping. */
const FAULT =
  /^(?:SQLITE_(?:BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY|CORRUPT|NOTADB)|08|53|57P|57014|25P03|55P03|40P01|40001|E[A-Z]+$)/
const FAULT_WORDS = /timeout|terminated|connection|kept the file|did not commit/i

/** Passes errors on; those of the database itself as `storage_unavailable`. */
export async function storageFault<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    if (isUnavailable(error)) throw error
    const { code, message } = Object(error)
    const isFault = typeof code === 'string' ? FAULT.test(code) : FAULT_WORDS.test(String(message))
    if (!isFault) throw error
    throw new Unavailable('storage_unavailable', 'storage', 'the database cannot be asked', { cause: error })
  }
}

/** Whether a row could not be written because another one has what must be unique. */
export function isTaken(error: unknown): boolean {
  return /^(?:SQLITE_CONSTRAINT|23505$)/.test(String(Object(error)['code'])) && !/FOREIGN KEY/.test(String(error))
}
