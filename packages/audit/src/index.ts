export type { AuditRecord, DecisionRecord, EventRecord, OutcomeRecord, PrivateValue } from './audit-record.ts'
export type { AuditSink, EventSink, PlacedRecord, RecordSink, SealedRecord } from './audit-sink.ts'
