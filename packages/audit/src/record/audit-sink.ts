import type { AuditRecord, PrivateValue } from './audit-record.ts'

/** A record in its place among those of one writer. `line` is what is written: one line of JSON without its line feed. */
export interface PlacedRecord {
  /** Names the chain: one for each trail that writes; for events, the stream. */
  readonly chain: string
  /** 1 for the first record of a chain. */
  readonly seq: number
  readonly record: AuditRecord
  /** Erasable values by name: `user`, `address`, `path`, `intent`, … */
  readonly private: Readonly<Record<string, Pick<PrivateValue, 'value'>>>
  readonly line: string
}

/** A record that is bound to the one before it. */
export interface SealedRecord extends PlacedRecord {
  /** `hash` of the record before; of the chain's name for the first one. */
  readonly previous: string
  /** SHA-256, base64url, over chain, seq, `previous` and the hash of the record's canonical JSON. */
  readonly hash: string
  readonly private: Readonly<Record<string, PrivateValue>>
}

/** Where a chain ended that a sink already holds. */
export interface ChainEnd {
  readonly chain: string
  readonly seq: number
  readonly hash: string
}

/** What a sink found when it opened. */
export interface FoundTrail {
  /** The last whole record. */
  readonly end?: ChainEnd
  /** Bytes of a half-written line that were set aside. */
  readonly partialBytes?: number
}

/** Takes records of one kind. One shared suite (`test/describe-audit-sink.ts`) says what each sink must do. */
export interface RecordSink<Placed extends PlacedRecord> {
  /** A closed word for metrics, such as `file`, `sql` or `syslog`. */
  readonly name: string
  /**
   * Whether an answered `append` means that the records outlive this process and a loss of power here. Where nothing
   * confirms that, as with syslog, the sink holds a copy, and does not count as the one that holds the record.
   */
  readonly durable: boolean
  /**
   * Takes records in their order and answers when they are as durable as this sink makes them: all of them or, by a
   * rejection, perhaps none. The same record may come twice, after a failure; `chain` and `seq` tell.
   */
  readonly append: (records: readonly Placed[]) => Promise<void>
  /** Opens what it needs; rejects when records could not be written. May say which trail it goes on with. */
  readonly ready?: () => Promise<FoundTrail> | Promise<void>
  readonly close?: () => Promise<void>
}

/** Where a trail writes. */
export interface AuditSink extends RecordSink<SealedRecord> {}

/** What a trail and a stream of events can both be sent to. */
export interface EventSink extends RecordSink<PlacedRecord> {}
