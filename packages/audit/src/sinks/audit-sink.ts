import type { ChainEnd, PlacedRecord, SealedRecord } from '../record/chain.ts'

/** What a sink found when it opened. */
export interface FoundTrail {
  /** The last whole record. */
  readonly end?: ChainEnd
  /** Bytes of a half-written line that were set aside. */
  readonly partialBytes?: number
}

/** Takes records of one kind. One shared suite (`test/describe-audit-sink.ts`) tests what each sink must do. */
export interface RecordSink<Placed extends PlacedRecord> {
  /** A closed word for metrics, such as `file`, `sql` or `syslog`. */
  readonly name: string
  /**
   * Whether an answered `append` means that the records outlive this process and a loss of power here. A sink to which nothing
   * confirms that, such as syslog, holds a copy only.
   */
  readonly durable: boolean
  /**
   * Takes records in their order and answers when they are as durable as this sink makes them: all of them or, by a
   * rejection, perhaps none. The same record may come twice, after a failure; `chain` and `seq` tell.
   */
  readonly append: (records: readonly Placed[]) => Promise<void>
  /** Opens what it needs; rejects when records could not be written. May tell which trail it goes on with. */
  readonly ready?: () => Promise<FoundTrail> | Promise<void>
  /** Writes what is held back and ends. @default there is nothing to end */
  readonly close?: () => Promise<void>
}

/** Where a trail writes. */
export interface AuditSink extends RecordSink<SealedRecord> {}

/** What a trail and a stream of events can both be sent to. */
export interface EventSink extends RecordSink<PlacedRecord> {}
