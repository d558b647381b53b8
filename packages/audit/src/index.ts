export { type Anchors, readAnchors, readCheckpointKey } from './anchors.ts'
export type { AuditEvent } from './audit-event.ts'
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
} from './audit-record.ts'
export type {
  AuditSink,
  ChainEnd,
  EventSink,
  FoundTrail,
  PlacedRecord,
  RecordSink,
  SealedRecord,
} from './audit-sink.ts'
export { type AuditTrail, auditTrail } from './audit-trail.ts'
export type { AuditTrailOptions } from './audit-trail-options.ts'
export type { Checkpoint, CheckpointAnchor, CheckpointStatement } from './checkpoint.ts'
export type { CheckpointOptions } from './checkpoints.ts'
export { type DataClasses, dataClasses } from './data-classes.ts'
export type { EventValueName, EventValues } from './events/event-record.ts'
export { type EventStream, eventStream } from './events/event-stream.ts'
export type { EventStreamOptions } from './events/event-stream-options.ts'
export type { EvidenceState } from './evidence-check.ts'
export { fileAnchor } from './file-anchor.ts'
export { type FileSinkOptions, fileSink } from './file-sink.ts'
export type { Finding, FindingKind } from './finding.ts'
export type { PseudonymOptions } from './pseudonym.ts'
export type { RecordRuleOptions } from './record-rules.ts'
export {
  type ClauseReport,
  type RegulationName,
  type RegulationReport,
  type RegulationReportOptions,
  regulationReport,
} from './report/regulation-report.ts'
export type { TrailSummary } from './report/trail-summary.ts'
export { type EraseOptions, type Erasure, eraseSubject } from './retention/erase-subject.ts'
export { type FileStoreOptions, fileStore } from './retention/file-store.ts'
export { type PruneOptions, type Pruning, pruneRecords } from './retention/prune-records.ts'
export type { PrunedMembers } from './retention/pruned-line.ts'
export type { SeqRanges } from './retention/seq-ranges.ts'
export { TamperedTrail } from './retention/tampered-trail.ts'
export type { ChangeRecord, TrailStore } from './retention/trail-store.ts'
export { lineOf, type SealedMembers } from './seal-record.ts'
export { SECRET_PARAMETERS } from './secret-names.ts'
export { type HttpSinkOptions, httpSink } from './sinks/http-sink.ts'
export { type LineSinkOptions, lineSink } from './sinks/line-sink.ts'
export { type RedisStreamSinkOptions, redisStreamSink } from './sinks/redis-stream-sink.ts'
export type { ClosableSink } from './sinks/serial-sink.ts'
export { type SyslogSink, type SyslogSinkOptions, syslogSink } from './syslog/syslog-sink.ts'
export type { ChainReport } from './verify-chains.ts'
export { type PlacedFinding, type TrailReport, type VerifyTrailOptions, verifyTrail } from './verify-trail.ts'
