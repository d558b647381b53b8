export type { EventValueName, EventValues } from './events/event-record.ts'
export { type EventStream, eventStream } from './events/event-stream.ts'
export type { EventStreamOptions } from './events/event-stream-options.ts'
export type { AuditEvent } from './record/audit-event.ts'
export {
  AUDIT_SCHEMA_VERSION,
  type AuditActor,
  type AuditAgent,
  type AuditDelegation,
  type AuditEvidence,
  type AuditRecord,
  type AuditResource,
  type DecisionRecord,
  type EventRecord,
  type EvidenceGrade,
  type OutcomeRecord,
  type PrivateValue,
} from './record/audit-record.ts'
export type {
  AuditSink,
  ChainEnd,
  EventSink,
  FoundTrail,
  PlacedRecord,
  RecordSink,
  SealedRecord,
} from './record/audit-sink.ts'
export { type DataClasses, dataClasses } from './record/data-classes.ts'
export type { PrunedMembers } from './record/pruned-line.ts'
export type { PseudonymOptions } from './record/pseudonym.ts'
export type { RecordRuleOptions } from './record/record-rules.ts'
export { lineOf, type SealedMembers } from './record/seal-record.ts'
export { SECRET_PARAMETERS } from './record/secret-names.ts'
export {
  type ClauseReport,
  type RegulationName,
  type RegulationReport,
  type RegulationReportOptions,
  regulationReport,
} from './reports/regulation-report.ts'
export type { TrailSummary } from './reports/trail-summary.ts'
export { type EraseOptions, type Erasure, eraseSubject } from './retention/erase-subject.ts'
export { type FileStoreOptions, fileStore } from './retention/file-store.ts'
export { type PruneOptions, type Pruning, pruneRecords } from './retention/prune-records.ts'
export { TamperedTrail } from './retention/tampered-trail.ts'
export type { ChangeRecord, TrailStore } from './retention/trail-store.ts'
export { type FileSinkOptions, fileSink } from './sinks/file/file-sink.ts'
export { type HttpSinkOptions, httpSink } from './sinks/http-sink.ts'
export { type LineSinkOptions, lineSink } from './sinks/line-sink.ts'
export { type RedisStreamSinkOptions, redisStreamSink } from './sinks/redis-stream-sink.ts'
export type { ClosableSink } from './sinks/serial-sink.ts'
export { type SyslogSink, type SyslogSinkOptions, syslogSink } from './sinks/syslog/syslog-sink.ts'
export { type AuditTrail, auditTrail } from './trail/audit-trail.ts'
export type { Checkpoint, CheckpointAnchor, CheckpointStatement } from './trail/checkpoint.ts'
export type { CheckpointOptions } from './trail/checkpoint-writer.ts'
export { fileAnchor } from './trail/file-anchor.ts'
export type { AuditTrailOptions } from './trail/trail-options.ts'
export { type Anchors, readAnchors, readCheckpointKey } from './verify/anchors.ts'
export type { EvidenceState } from './verify/evidence-check.ts'
export type { Finding, FindingKind } from './verify/finding.ts'
export type { SeqRanges } from './verify/seq-ranges.ts'
export type { ChainReport } from './verify/verify-chains.ts'
export { type PlacedFinding, type TrailReport, type VerifyTrailOptions, verifyTrail } from './verify/verify-trail.ts'
