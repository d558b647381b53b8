import type { Decision, Outcome } from '@countermark/core'
import { AUDIT_SCHEMA_VERSION, type OutcomeRecord } from './audit-record.ts'
import { boundedOrNone, MAX_TEXT } from './bounded-text.ts'
import { isoTime } from './iso-time.ts'
import type { UnsealedRecord } from './seal-record.ts'

/** How a request ended, with the members in the order of canonical JSON. */
export function outcomeRecord(
  { requestId }: Decision,
  { aborted, durationMs, status, unserved }: Outcome,
  {
    id,
    of,
    atMs,
    route,
  }: { readonly id: string; readonly of: string; readonly atMs: number; readonly route: string | undefined },
): UnsealedRecord {
  const record: OutcomeRecord = {
    aborted,
    at: isoTime(atMs),
    durationMs: Math.round(durationMs * 1000) / 1000,
    id,
    of,
    requestId,
    route: boundedOrNone(route, MAX_TEXT.target),
    status,
    type: 'outcome',
    unserved: unserved === true ? true : undefined,
    v: AUDIT_SCHEMA_VERSION,
  }
  return { record, private: {} }
}
