import { randomBytes } from 'node:crypto'
import type { SealedRecord } from '../record/audit-sink.ts'
import { firstPrevious, sealRecord, type UnsealedRecord } from '../record/seal-record.ts'

/** One chain of records: everything that one trail writes, from its start to its end. */
export interface Chain {
  readonly name: string
  readonly seal: (unsealed: UnsealedRecord) => SealedRecord
}

/** When it started and 64 random bits: every process has a chain of its own, whatever its clock says. */
export function newChainName(startedAtMs: number): string {
  const at = new Date(startedAtMs).toISOString().replace(/[-:]|\.\d+/g, '')
  return `${at}-${randomBytes(8).toString('hex')}`
}

/** Starts a chain. Records get their places in the order in which they are sealed. */
export function createChain(name: string): Chain {
  let seq = 0
  let previous = firstPrevious(name)
  return {
    name,
    seal: (unsealed) => {
      const sealed = sealRecord(unsealed, { chain: name, seq: seq + 1, previous })
      seq = sealed.seq
      previous = sealed.hash
      return sealed
    },
  }
}
