import { AUDIT_SCHEMA_VERSION, type EventRecord } from './audit-record.ts'
import { decisionRecord } from './decision-record.ts'
import type { RecordedDecision } from './recorded-decision.ts'
import type { UnsealedRecord } from './seal-record.ts'
import type { SecretParameters } from './secret-parameters.ts'

/** What a record is made of, as plain JSON: a decision still to be put together, or a record that is whole. */
export type RecordInput = { readonly id: string; readonly decision: RecordedDecision } | UnsealedRecord

/** Puts the record together. */
export function writeRecord(input: RecordInput, secrets: SecretParameters): UnsealedRecord {
  return 'decision' in input ? decisionRecord(input.decision, input.id, secrets) : input
}

/** A record that the trail itself has to tell. */
export function eventInput(id: string, event: string, details: EventRecord['details'], atMs: number): UnsealedRecord {
  const at = new Date(atMs).toISOString()
  return { record: { v: AUDIT_SCHEMA_VERSION, type: 'event', id, at, event, details, commitments: {} }, private: {} }
}

/** A fact that JSON cannot say, from a check of another package, must not leave a gap in the chain. */
export function unwritable(id: string, type: string, atMs: number): UnsealedRecord {
  // What is wrong with it is not worth a line: it may hold anything.
  return eventInput(id, 'record_unwritable', { type }, atMs)
}
