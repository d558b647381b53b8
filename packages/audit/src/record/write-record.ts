import type { Decision } from '@countermark/core'
import { canonicalJson, type Outcome } from '@countermark/core/internal'
import { AUDIT_SCHEMA_VERSION, type EventRecord, type OutcomeRecord } from './audit-record.ts'
import { bounded, boundedOrNone, escapeLine, MAX_TEXT } from './bounded-text.ts'
import { commitTo, type UnsealedRecord } from './chain.ts'
import type { RecordedDecision } from './read-decision.ts'
import type { RecordRules } from './record-rules.ts'
import type { SecretMask } from './secret-mask.ts'
import { isoTime, writeDecision } from './write-decision.ts'

/** What a record is made of, as plain JSON: a decision still to be put together, or a record that is whole. */
export type RecordInput = { readonly id: string; readonly decision: RecordedDecision } | UnsealedRecord

/** Something that happens beside requests, such as administration or delegation. */
export interface AuditEvent {
  /** A closed word in snake case, such as `token_issued`. */
  readonly event: string
  /** What JSON can say, and no secret. @default {} */
  readonly details?: Readonly<Record<string, unknown>>
  /** Values by name that may have to be erased, such as `user`. @default {} */
  readonly private?: Readonly<Record<string, string>>
}

/** Puts the record together. */
export function writeRecord(input: RecordInput, mask: SecretMask): UnsealedRecord {
  return 'decision' in input ? writeDecision(input.decision, input.id, mask) : input
}

/**
 * Reads an event of the application, before its record has an id.
 * @throws TypeError
 */
export function readEvent(
  { event, details = {}, private: values = {} }: AuditEvent,
  atMs: number,
  rules: Pick<RecordRules, 'mask' | 'pseudonym'>,
): (id: string) => UnsealedRecord {
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(event)) throw new TypeError('an event is named by a word in snake case')
  const text = canonicalJson(rules.mask.maskJson(details))
  if (Buffer.byteLength(escapeLine(text)) > MAX_TEXT.details) {
    throw new TypeError(`details of an event have at most ${MAX_TEXT.details} bytes`)
  }
  const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
  const shown = sorted.map(([name, value]) => [name, bounded(shownValue(name, value, rules), MAX_TEXT.target)])
  const { commitments, private: committed } = commitTo(Object.fromEntries(shown))
  return (id) => {
    const { record } = eventInput(id, event, JSON.parse(text), atMs)
    return { record: { ...record, commitments }, private: committed }
  }
}

function shownValue(name: string, value: string, { mask, pseudonym }: Pick<RecordRules, 'mask' | 'pseudonym'>): string {
  if (pseudonym !== undefined && (name === 'user' || name === 'address')) return pseudonym(name, value)
  return String(Object(mask.maskJson({ [name]: value }))[name])
}

/** A record that the trail itself has to tell. */
export function eventInput(
  id: string,
  event: string,
  details: EventRecord['details'],
  atMs: number,
): UnsealedRecord & { readonly record: EventRecord } {
  const at = new Date(atMs).toISOString()
  return { record: { v: AUDIT_SCHEMA_VERSION, type: 'event', id, at, event, details, commitments: {} }, private: {} }
}

/** Takes the place of a record that cannot be put together: the chain must have no gap. What is wrong with it may hold anything. */
export function unwritable(id: string, type: string, atMs: number): UnsealedRecord {
  return eventInput(id, 'record_unwritable', { type }, atMs)
}

/** The same for an input with a fact that JSON cannot say. */
export function unwritableInput(input: RecordInput, atMs: number): UnsealedRecord {
  return 'decision' in input
    ? unwritable(input.id, 'decision', atMs)
    : unwritable(input.record.id, input.record.type, atMs)
}

/** How a request ended, with the members in the order of canonical JSON. */
export function writeOutcome(
  { requestId }: Decision,
  { aborted, durationMs, status, unserved }: Outcome,
  given: { readonly id: string; readonly of: string; readonly atMs: number; readonly route: string | undefined },
): UnsealedRecord {
  const record: OutcomeRecord = {
    aborted,
    at: isoTime(given.atMs),
    durationMs: Math.round(durationMs * 1000) / 1000,
    id: given.id,
    of: given.of,
    requestId,
    route: boundedOrNone(given.route, MAX_TEXT.target),
    status,
    type: 'outcome',
    unserved: unserved === true ? true : undefined,
    v: AUDIT_SCHEMA_VERSION,
  }
  return { record, private: {} }
}
