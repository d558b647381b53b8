import { hash } from 'node:crypto'
import { canonicalJson } from '@countermark/core/internal'
import type { AuditRecord, PrivateValue } from './audit-record.ts'
import type { SealedRecord } from './audit-sink.ts'
import { escapeLine } from './bounded-text.ts'

/** A record before it has its place. */
export interface UnsealedRecord {
  readonly record: AuditRecord
  readonly private: Readonly<Record<string, PrivateValue>>
}

/** A record in its place, without the text. */
export type SealedMembers = Omit<SealedRecord, 'line'>

/** What a chain begins with in the place of a previous hash. */
export function firstPrevious(chain: string): string {
  return hash('sha256', chain, 'base64url')
}

/** Content hash: SHA-256, base64url, of a record's canonical JSON (RFC 8785). */
export function contentHash(canonicalRecord: string): string {
  return hash('sha256', canonicalRecord, 'base64url')
}

/** Links a record to the one before. Made of hashes, so that a link can be shown without the records behind it. */
export function linkHash(link: {
  readonly chain: string
  readonly seq: number
  readonly previous: string
  readonly content: string
}): string {
  return hash('sha256', `${link.chain}\n${link.seq}\n${link.previous}\n${link.content}`, 'base64url')
}

/** Gives a record its place behind `previous` and writes its line. */
export function sealRecord(
  { record, private: values }: UnsealedRecord,
  place: { readonly chain: string; readonly seq: number; readonly previous: string },
): SealedRecord {
  const { chain, seq, previous } = place
  const text = canonicalRecord(record)
  const sealed = linkHash({ chain, seq, previous, content: contentHash(text) })
  const line = writeLine({ chain, seq, previous, hash: sealed }, text, JSON.stringify(values))
  return { chain, seq, previous, hash: sealed, record, private: values, line }
}

/** The line of a record whose hash is known: after an erasure, and to see whether a line is as we write it. */
export function lineOf(sealed: SealedMembers): string {
  return writeLine(sealed, canonicalJson(sealed.record), canonicalJson(sealed.private))
}

/**
 * Decisions and outcomes are put together with their members in order and their texts well-formed: what JSON.stringify
 * makes of them is canonical, and costs a third. Details of events are somebody else's.
 */
function canonicalRecord(record: AuditRecord): string {
  return record.type === 'event' ? canonicalJson(record) : JSON.stringify(record)
}

function writeLine(
  { chain, seq, previous, hash: own }: Pick<SealedRecord, 'chain' | 'seq' | 'previous' | 'hash'>,
  record: string,
  values: string,
): string {
  return escapeLine(
    `{"chain":"${chain}","hash":"${own}","previous":"${previous}","private":${values},"record":${record},"seq":${seq}}`,
  )
}
