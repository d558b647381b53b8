import type { AuditRecord, PrivateValue } from './audit-record.ts'

/** A record in its place in a chain. `line` is what is written: one line of JSON without its line feed. */
export interface SealedRecord {
  /** Names the chain: one for each trail that writes. */
  readonly chain: string
  /** 1 for the first record of a chain. */
  readonly seq: number
  /** `hash` of the record before; of the chain's name for the first one. */
  readonly previous: string
  /** SHA-256, base64url, over `previous` and the canonical JSON of the record. */
  readonly hash: string
  readonly record: AuditRecord
  /** Erasable values by name: `user`, `address`, `path`, `intent`, … */
  readonly private: Readonly<Record<string, PrivateValue>>
  readonly line: string
}

/** Where records go. One shared suite (`test/describe-audit-sink.ts`) says what each must do. */
export interface AuditSink {
  /** A closed word for metrics, such as `file`, `sql` or `syslog`. */
  readonly name: string
  /**
   * Takes records in their order and answers when they are as durable as this sink makes them: all of them or, by a
   * rejection, perhaps none. The same record may come twice, after a failure; `chain` and `seq` tell.
   */
  readonly append: (records: readonly SealedRecord[]) => Promise<void>
  /** Opens what it needs; rejects when records could not be written. */
  readonly ready?: () => Promise<void>
  readonly close?: () => Promise<void>
}
