import type { HeaderField } from '@countermark/core'
import { type ChallengeContext, rowOf } from '@countermark/core/internal'
import { isNonce } from './simple-fields.ts'

/** What a simple form asks for. */
export interface SimpleChallenge {
  readonly version: '0' | '1'
  /** Lower-case names of the fields to send. */
  readonly fields: readonly string[]
  /** A nonce worth signing. */
  readonly nonce: string | undefined
}

/** The challenge of a simple form (RFC 9110 section 11.6.1); nothing when signing again would not help. */
export function challengeOf({ refusal }: ChallengeContext, asked: SimpleChallenge): readonly HeaderField[] {
  if (rowOf(refusal.code)?.retry !== 'resign') return []
  const { version, fields, nonce } = asked
  const fresh = nonce !== undefined && isNonce(nonce) ? `, nonce="${nonce}"` : ''
  return [['WWW-Authenticate', `Agent-Auth version="${version}", headers="${fields.join(' ')}"${fresh}`]]
}
