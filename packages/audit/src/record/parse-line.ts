import { isUtf8 } from 'node:buffer'
import type { PrivateValue } from './audit-record.ts'
import { escapeLine } from './bounded-text.ts'
import { isAuditRecord, isMembers } from './record-shape.ts'
import { lineOf, type SealedMembers } from './seal-record.ts'

/** Longest line that is read. Bytes. */
export const MAX_LINE_BYTES = 1_048_576

/**
 * Reads one line of a trail. `undefined` unless it is, byte for byte, what the writer writes for what it says: a member more, a
 * blank more or another spelling of the same string is no line of ours.
 */
export function parseLine(bytes: Buffer): SealedMembers | undefined {
  if (bytes.length > MAX_LINE_BYTES || !isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    const sealed = toSealed(value)
    if (sealed === undefined) return undefined
    return isPlainlyCanonical(text, value) || lineOf(sealed) === text ? sealed : undefined
  } catch {
    // Neither JSON nor something that canonical JSON can say: no line of ours.
    return undefined
  }
}

/** Most lines need none of the further escapes: then JSON.stringify says the same as canonical JSON, in a third of the time. */
function isPlainlyCanonical(text: string, value: unknown): boolean {
  return JSON.stringify(value) === text && isSorted(value) && !text.includes('\\ud') && escapeLine(text) === text
}

function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isSorted)
  let before = ''
  for (const [name, member] of Object.entries(value)) {
    if (name < before || !isSorted(member)) return false
    before = name
  }
  return true
}

function toSealed(value: unknown): SealedMembers | undefined {
  if (!isMembers(value) || !isMembers(value['record']) || !isMembers(value['private'])) return undefined
  const { chain, seq, previous, hash, record, private: values } = value
  if (typeof chain !== 'string' || typeof previous !== 'string' || typeof hash !== 'string') return undefined
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return undefined
  if (!isAuditRecord(record) || !isPrivate(values)) return undefined
  return { chain, seq, previous, hash, record, private: values }
}

function isPrivate(value: unknown): value is Readonly<Record<string, PrivateValue>> {
  return isMembers(value) && Object.values(value).every(isPrivateValue)
}

function isPrivateValue(value: unknown): value is PrivateValue {
  if (!isMembers(value) || Object.keys(value).length !== 2) return false
  return typeof value['salt'] === 'string' && typeof value['value'] === 'string'
}
