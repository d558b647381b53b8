import type { AuditRecord } from '../record/audit-record.ts'
import { escapeLine } from '../record/bounded-text.ts'
import type { PlacedRecord, UnsealedRecord } from '../record/chain.ts'
import { pseudonymOf } from '../record/record-rules.ts'

/** Values about people that an event may carry. What was signed is never among them. */
export type EventValueName = 'actors' | 'address' | 'intent' | 'target' | 'user'

/** All of them. */
export const EVENT_VALUES: readonly EventValueName[] = ['actors', 'address', 'intent', 'target', 'user']

/** How each value travels. `pseudonym`: the same text for the same value, which only the key leads back to it. */
export type EventValues = Readonly<Partial<Record<EventValueName, 'plain' | 'pseudonym'>>>

/** How events are written. */
export interface EventRules {
  readonly stream: string
  readonly values: EventValues
  readonly pseudonymKey: string | Uint8Array
}

/** A record as an event: without evidence and commitments, and with those values about people that were asked for. */
export function placeEvent({ record, private: values }: UnsealedRecord, seq: number, rules: EventRules): PlacedRecord {
  const { stream } = rules
  const event = withoutEvidence(record)
  const shown = EVENT_VALUES.flatMap((name) => {
    const value = showValue(name, values[name]?.value, rules)
    return value === undefined ? [] : [[name, value] as const]
  })
  const line = escapeLine(JSON.stringify({ record: event, seq, stream, values: Object.fromEntries(shown) }))
  const named = Object.fromEntries(shown.map(([name, value]) => [name, { value }]))
  return { chain: stream, seq, record: event, private: named, line }
}

function withoutEvidence(record: AuditRecord): AuditRecord {
  if (record.type === 'outcome') return record
  if (record.type === 'event') return { ...record, commitments: {} }
  return { ...record, argumentHash: undefined, commitments: {}, evidence: { grade: record.evidence.grade } }
}

function showValue(name: EventValueName, value: string | undefined, rules: EventRules): string | undefined {
  const form = rules.values[name]
  if (value === undefined || form === undefined) return undefined
  return form === 'plain' ? value : pseudonymOf(name, value, rules.pseudonymKey)
}
