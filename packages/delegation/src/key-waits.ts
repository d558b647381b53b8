import { Unavailable } from '@countermark/core'

/** Tokens that wait for the keys of their issuer. */
export interface KeyWaits {
  /** @throws Unavailable `overloaded` when too many wait for this issuer */
  readonly wait: <Value>(issuer: string, pending: Promise<Value>) => Promise<Value>
}

/**
 * Bounds how many tokens wait for one issuer: a token that nobody signed makes us wait as long as a good one, and an issuer
 * that is silent must not take the places of tokens whose keys are known.
 */
export function createKeyWaits(max: number): KeyWaits {
  const waiting = new Map<string, number>()
  return {
    wait: async (issuer, pending) => {
      const others = waiting.get(issuer) ?? 0
      if (others >= max) {
        pending.catch(() => undefined)
        throw new Unavailable('overloaded', 'issuer', 'too many tokens wait for the keys of their issuer')
      }
      waiting.set(issuer, others + 1)
      try {
        return await pending
      } finally {
        const left = (waiting.get(issuer) ?? 1) - 1
        if (left === 0) waiting.delete(issuer)
        else waiting.set(issuer, left)
      }
    },
  }
}
