import { hash } from 'node:crypto'
import { type Environment, isThenable, Unavailable } from '@countermark/core'
import { LRUCache } from 'lru-cache'
import type { IssuerKey } from './issuer-key.ts'
import { createCounters } from './measurements.ts'
import { MAX_TOKEN_LENGTH } from './presented-token.ts'
import type { VerifiedToken } from './verified-token.ts'

/** Tokens that verified, for one verifier. */
export interface RememberedTokens {
  /** The token behind a text: at once when it is remembered, and its issuer still has the key it is signed with. */
  readonly find: (text: string, environment: Environment) => VerifiedToken | Promise<VerifiedToken>
  readonly size: () => number
}

/** Verifies from nothing. */
export type VerifyAnew = (text: string, environment: Environment) => Promise<VerifiedToken>

const MAX_UNDER_WAY = 256
const MOST_KEYS = 256
/** What a token may weigh on average before fewer are remembered: whoever may hand on makes as many as it likes. */
const CHARACTERS_EACH = 2048

/**
 * Puts a memory in front of verification. Each verifier has its own, so that what one of them was told to accept means
 * nothing to another. Tokens are kept under a hash of their text, of which there is one spelling only: others do not parse.
 * Callers of one token share one verification, and refusals are not remembered.
 */
export function createRememberedTokens(verifyAnew: VerifyAnew, maxTokens: number): RememberedTokens {
  const memory = maxTokens === 0 ? undefined : createMemory(maxTokens)
  const underWay = new Map<string, Promise<VerifiedToken>>()
  const counters = createCounters('delegation_tokens_total', 'result', [
    'remembered',
    'verified',
    'refused',
    'overloaded',
  ])

  function start(key: string, text: string, environment: Environment): Promise<VerifiedToken> {
    const known = underWay.get(key)
    if (known !== undefined) return known
    if (underWay.size >= MAX_UNDER_WAY) {
      environment.report(counters.overloaded)
      throw new Unavailable('overloaded', 'tokens', 'too many tokens are being verified')
    }
    const verification = verifyAnew(text, environment)
    underWay.set(key, verification)
    const land = (result: 'verified' | 'refused'): void => {
      underWay.delete(key)
      environment.report(counters[result])
    }
    verification.then(
      (token) => {
        memory?.set(key, token, { size: text.length })
        land('verified')
      },
      () => land('refused'),
    )
    return verification
  }

  // The hash of what came lately; bounded, and dropped as a whole.
  let keys = new Map<string, string>()
  const keyOf = (text: string): string => {
    const known = keys.get(text)
    if (known !== undefined) return known
    const key = hash('sha256', text, 'base64')
    if (keys.size >= MOST_KEYS) keys = new Map()
    keys.set(text, key)
    return key
  }
  return {
    size: () => memory?.size ?? 0,
    find: (text, environment) => {
      const key = keyOf(text)
      const token = memory?.get(key)
      if (token === undefined) return start(key, text, environment)
      const recall = (current: IssuerKey | undefined): VerifiedToken | undefined => {
        if (current?.thumbprint !== token.key.thumbprint) return undefined
        environment.report(counters.remembered)
        return token
      }
      // A key that its issuer no longer publishes takes the tokens along that it signed.
      const current = token.issuer.keys.find(token.keyQuery, environment)
      if (isThenable(current)) {
        return current.then((found) => recall(found) ?? start(key, text, environment))
      }
      return recall(current) ?? start(key, text, environment)
    },
  }
}

function createMemory(maxTokens: number): LRUCache<string, VerifiedToken> {
  // At least one token of any length.
  return new LRUCache({ max: maxTokens, maxSize: Math.max(maxTokens * CHARACTERS_EACH, MAX_TOKEN_LENGTH) })
}
