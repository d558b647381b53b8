import { hash, randomBytes, randomFillSync } from 'node:crypto'
import { canonicalJson } from '@countermark/core/internal'
import type { AuditRecord, PrivateValue } from './audit-record.ts'
import { escapeLine } from './bounded-text.ts'

/** A record before it has its place. */
export interface UnsealedRecord {
  /** What happened. */
  readonly record: AuditRecord
  readonly private: Readonly<Record<string, PrivateValue>>
}

/** A record in its place among those of one writer. `line` is what is written: one line of JSON without its line feed. */
export interface PlacedRecord {
  /** Names the chain: one for each trail that writes; for events, the stream. */
  readonly chain: string
  /** 1 for the first record of a chain. */
  readonly seq: number
  /** What happened, with its place in the chain. */
  readonly record: AuditRecord
  /** Erasable values by name: `user`, `address`, `path`, `intent`, … */
  readonly private: Readonly<Record<string, Pick<PrivateValue, 'value'>>>
  /** The record as it is written: canonical JSON (RFC 8785), without a line break. */
  readonly line: string
}

/** A record that is bound to the one before it. */
export interface SealedRecord extends PlacedRecord {
  /** `hash` of the record before; of the chain's name for the first one. */
  readonly previous: string
  /** SHA-256, base64url, over chain, seq, `previous` and the hash of the record's canonical JSON. */
  readonly hash: string
  /** What may be erased: values by path, each with the salt of its commitment in the record. Not hashed. */
  readonly private: Readonly<Record<string, PrivateValue>>
}

/** A sealed record without its text. */
export type SealedMembers = Omit<SealedRecord, 'line'>

/** The last record of a chain. */
export interface ChainEnd {
  readonly chain: string
  readonly seq: number
  readonly hash: string
}

/** One chain: everything that one trail writes, from its start to its end, in the order in which it is sealed. */
export class Chain {
  readonly name: string
  private seq = 0
  private previous: string

  constructor(name: string) {
    this.name = name
    this.previous = firstPrevious(name)
  }

  /** Gives a record the next place, links it to the one before, and writes its line. */
  seal({ record, private: values }: UnsealedRecord): SealedRecord {
    const [chain, seq, previous] = [this.name, this.seq + 1, this.previous]
    const text = canonicalRecord(record)
    const own = linkHash({ chain, seq, previous, content: contentHash(text) })
    const line = writeLine({ chain, seq, previous, hash: own }, text, JSON.stringify(values))
    this.seq = seq
    this.previous = own
    return { chain, seq, previous, hash: own, record, private: values, line }
  }
}

/** When it started and 64 random bits: every process has a chain of its own, whatever its clock tells. */
export function newChainName(startedAtMs: number): string {
  const at = new Date(startedAtMs).toISOString().replace(/[-:]|\.\d+/g, '')
  return `${at}-${randomBytes(8).toString('hex')}`
}

/** The previous hash of the first record. */
export function firstPrevious(chain: string): string {
  return hash('sha256', chain, 'base64url')
}

/** Content hash: SHA-256, base64url, of a record's canonical JSON (RFC 8785). */
export function contentHash(canonicalRecord: string): string {
  return hash('sha256', canonicalRecord, 'base64url')
}

/** A record's place, and the hash of what it says. */
export interface Link {
  readonly chain: string
  readonly seq: number
  readonly previous: string
  readonly content: string
}

/** Links a record to the one before. Made of hashes, so that a link can be shown without the records behind it. */
export function linkHash({ chain, seq, previous, content }: Link): string {
  return hash('sha256', `${chain}\n${seq}\n${previous}\n${content}`, 'base64url')
}

/** The line of a record whose hash is known: after an erasure, and to see whether a line is as a trail writes it. */
export function lineOf(sealed: SealedMembers): string {
  return writeLine(sealed, canonicalJson(sealed.record), canonicalJson(sealed.private))
}

/**
 * Decisions and outcomes have their members in order and well-formed texts: JSON.stringify then writes canonical JSON, at a
 * third of the cost. Details of events come from applications.
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

/** Values that may be erased, and the commitments to them in the hashed part. */
export interface Committed {
  readonly commitments: Readonly<Record<string, string>>
  readonly private: Readonly<Record<string, PrivateValue>>
}

/** The commitment to a value: SHA-256, base64url, of the salt, a line feed and the value. */
export function commitmentTo({ salt, value }: PrivateValue): string {
  return hash('sha256', `${salt}\n${value}`, 'base64url')
}

/** A salt has one length, so no character of the value can be taken for one of the salt. */
const SALT = /^[\w-]{22}$/

/** Whether a value with its salt is the one that was committed to. */
export function isCommitted(member: PrivateValue, commitment: string | undefined): boolean {
  return SALT.test(member.salt) && commitmentTo(member) === commitment
}

/**
 * Commits to each value under a salt of its own, or the one given for its name. `values` are sorted by name: so are the
 * members of the result, as canonical JSON has them.
 */
export function commitTo(
  values: Readonly<Record<string, string | undefined>>,
  salts: Readonly<Record<string, string>> = {},
): Committed {
  const commitments: Record<string, string> = {}
  const members: Record<string, PrivateValue> = {}
  for (const name of Object.keys(values)) {
    const value = values[name]
    if (value === undefined) continue
    const member = { salt: salts[name] ?? newSalt(), value }
    members[name] = member
    commitments[name] = commitmentTo(member)
  }
  return { commitments, private: members }
}

const SALT_BYTES = 16
const pool = Buffer.alloc(SALT_BYTES * 512)
let used = pool.length

/** Drawn in advance: one call for 512 salts costs little more than one for a single salt. */
export function newSalt(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += SALT_BYTES
  return pool.toString('base64url', used - SALT_BYTES, used)
}
