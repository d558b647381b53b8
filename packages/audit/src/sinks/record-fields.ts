import type { DecisionRecord, OutcomeRecord } from '../record/audit-record.ts'
import type { PlacedRecord } from '../record/chain.ts'

type TextField =
  | ('hash' | 'requestId' | 'traceId' | 'check' | 'code' | 'reason' | 'agent' | 'level' | 'user' | 'address' | 'method')
  | ('authority' | 'route' | 'target' | 'capabilities' | 'approval' | 'dataClass' | 'aborted' | 'event')
  | ('policyDecision' | 'policyReason' | 'policyRevision')

/** What monitoring systems search for, by closed names. Members that a record has not are left out. */
export interface RecordFields extends Readonly<Partial<Record<TextField, string | undefined>>> {
  readonly chain: string
  readonly seq: number
  readonly id: string
  readonly type: 'decision' | 'outcome' | 'event'
  readonly decision?: 'allow' | 'deny' | 'observe' | undefined
  readonly status?: number | undefined
  /** For an outcome: the decision it belongs to. */
  readonly of?: string | undefined
  readonly durationMs?: number | undefined
}

/** Flattens a record for systems that search in fields; the line holds everything. */
export function recordFields(placed: PlacedRecord): RecordFields {
  const { chain, seq, record } = placed
  const hash = 'hash' in placed && typeof placed.hash === 'string' ? placed.hash : undefined
  const base = { chain, seq, id: record.id, type: record.type, hash, ...erasableFields(placed) }
  if (record.type === 'decision') return { ...base, ...decisionFields(record) }
  return record.type === 'outcome' ? { ...base, ...outcomeFields(record) } : { ...base, event: record.event }
}

function erasableFields({ private: values }: PlacedRecord): Pick<RecordFields, 'user' | 'address' | 'target'> {
  return { user: values['user']?.value, address: values['address']?.value, target: values['target']?.value }
}

function decisionFields(record: DecisionRecord): Partial<RecordFields> {
  const { requestId, traceId, decision, check, code, reason, status, action, resource, policy } = record
  const { method, capabilities, approval } = action
  const { authority, route, dataClass } = resource
  return {
    ...{ requestId, traceId, decision, check, code, reason, status, method, approval, authority, route, dataClass },
    agent: record.agent?.id,
    level: record.agent?.level,
    capabilities: capabilities?.join(' '),
    policyDecision: policy?.decision,
    policyReason: policy?.reason,
    policyRevision: policy?.revision,
  }
}

function outcomeFields({ requestId, of, status, durationMs, aborted, route }: OutcomeRecord): Partial<RecordFields> {
  return { requestId, of, status, durationMs, route, aborted: aborted ? 'true' : 'false' }
}
