import { randomBytes } from 'node:crypto'

/** The token that marks a claim as ours. */
export interface Attempts {
  /** A new token, or that of an attempt at the same claim which was given up. No two attempts have one at the same time. */
  readonly begin: (key: string) => string
  /**
   * Gives an attempt up: its caller was told that the store did not answer, and its outcome will never be used. Redis may
   * have the claim all the same; with the token a second attempt recognises it.
   */
  readonly abandon: (key: string, token: string) => void
}

/** Attempts given up are remembered in this number; the oldest goes first, and its retry will be called a replay. */
const MAX_ABANDONED = 10_000

/** Remembers given-up attempts in this process only. */
export function createAttempts(): Attempts {
  const abandoned = new Map<string, string>()
  return {
    begin: (key) => {
      const token = abandoned.get(key)
      if (token === undefined) return randomBytes(12).toString('base64url')
      abandoned.delete(key)
      return token
    },
    abandon: (key, token) => {
      if (abandoned.size >= MAX_ABANDONED) {
        const [oldest] = abandoned.keys()
        if (oldest !== undefined) abandoned.delete(oldest)
      }
      abandoned.set(key, token)
    },
  }
}
