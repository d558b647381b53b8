export type { AuditRecord, DecisionRecord, EventRecord, OutcomeRecord, PrivateValue } from './audit-record.ts'
export type { AuditSink, SealedRecord } from './audit-sink.ts'
