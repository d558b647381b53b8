import { hash, randomFillSync } from 'node:crypto'
import type { PrivateValue } from './audit-record.ts'

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
