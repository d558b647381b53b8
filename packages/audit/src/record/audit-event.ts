import { canonicalJson } from '@countermark/core/internal'
import { AUDIT_SCHEMA_VERSION, type EventRecord } from './audit-record.ts'
import { bounded, escapeLine, MAX_TEXT } from './bounded-text.ts'
import { commitTo } from './commitment.ts'
import type { RecordRules } from './record-rules.ts'
import type { UnsealedRecord } from './seal-record.ts'

/** Something that happens beside requests, such as administration or delegation. */
export interface AuditEvent {
  /** A closed word in snake case, such as `token_issued`. */
  readonly event: string
  /** What JSON can say, and no secret. @default {} */
  readonly details?: Readonly<Record<string, unknown>>
  /** Values by name that may have to be erased, such as `user`. @default {} */
  readonly private?: Readonly<Record<string, string>>
}

/**
 * Reads an event that the application tells, before its record has a name.
 * @throws TypeError
 */
export function readEvent(
  { event, details = {}, private: values = {} }: AuditEvent,
  atMs: number,
  { secrets, pseudonym }: Pick<RecordRules, 'secrets' | 'pseudonym'>,
): (id: string) => UnsealedRecord {
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(event)) throw new TypeError('an event is named by a word in snake case')
  const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
  const text = canonicalJson(secrets.hideInJson(details))
  if (Buffer.byteLength(escapeLine(text)) > MAX_TEXT.details) {
    throw new TypeError(`details of an event have at most ${MAX_TEXT.details} bytes`)
  }
  const written = sorted.map(([name, value]): [string, string] => {
    const isCalledOtherwise = pseudonym !== undefined && (name === 'user' || name === 'address')
    const shown = isCalledOtherwise
      ? pseudonym(name, value)
      : String(Object(secrets.hideInJson({ [name]: value }))[name])
    return [name, bounded(shown, MAX_TEXT.target)]
  })
  const committed = commitTo(Object.fromEntries(written))
  const record: Omit<EventRecord, 'id'> = {
    v: AUDIT_SCHEMA_VERSION,
    type: 'event',
    at: new Date(atMs).toISOString(),
    event,
    details: JSON.parse(text),
    commitments: committed.commitments,
  }
  return (id) => ({ record: { ...record, id }, private: committed.private })
}
