import type { DecisionRecord, EventRecord, OutcomeRecord } from '../record/audit-record.ts'
import type { PlacedRecord } from '../record/chain.ts'

/** What monitoring systems search for, by closed names. Members that a record has not are left out. */
export interface RecordFields {
  readonly chain: string
  readonly seq: number
  readonly id: string
  readonly type: 'decision' | 'outcome' | 'event'
  readonly hash?: string | undefined
  readonly requestId?: string | undefined
  readonly traceId?: string | undefined
  readonly decision?: 'allow' | 'deny' | 'observe' | undefined
  readonly check?: string | undefined
  readonly code?: string | undefined
  readonly reason?: string | undefined
  readonly status?: number | undefined
  readonly agent?: string | undefined
  readonly level?: string | undefined
  readonly user?: string | undefined
  readonly address?: string | undefined
  readonly method?: string | undefined
  readonly authority?: string | undefined
  readonly route?: string | undefined
  readonly target?: string | undefined
  readonly capabilities?: string | undefined
  readonly approval?: string | undefined
  readonly dataClass?: string | undefined
  /** For an outcome: the decision it belongs to. */
  readonly of?: string | undefined
  readonly durationMs?: number | undefined
  readonly aborted?: string | undefined
  readonly event?: string | undefined
}

/** Flattens a record for systems that search in fields; the line holds everything. */
export function recordFields(placed: PlacedRecord): RecordFields {
  const { chain, seq, record } = placed
  const hash = 'hash' in placed && typeof placed.hash === 'string' ? placed.hash : undefined
  const base = { chain, seq, id: record.id, type: record.type, hash, ...erasableFields(placed) }
  if (record.type === 'decision') return { ...base, ...decisionFields(record) }
  return { ...base, ...(record.type === 'outcome' ? outcomeFields(record) : eventFields(record)) }
}

function erasableFields({ private: values }: PlacedRecord): Pick<RecordFields, 'user' | 'address' | 'target'> {
  return { user: values['user']?.value, address: values['address']?.value, target: values['target']?.value }
}

function decisionFields(record: DecisionRecord): Partial<RecordFields> {
  const { requestId, traceId, decision, check, code, reason, status, action, resource } = record
  const { method, capabilities, approval } = action
  const { authority, route, dataClass } = resource
  return {
    ...{ requestId, traceId, decision, check, code, reason, status, method, approval, authority, route, dataClass },
    agent: record.agent?.id,
    level: record.agent?.level,
    capabilities: capabilities?.join(' '),
  }
}

function outcomeFields({ requestId, of, status, durationMs, aborted, route }: OutcomeRecord): Partial<RecordFields> {
  return { requestId, of, status, durationMs, route, aborted: aborted ? 'true' : 'false' }
}

function eventFields({ event }: EventRecord): Partial<RecordFields> {
  return { event }
}
