import type { NetworkPlace } from './signals/network-place.ts'

/** A request as far as behaviour is about it. Names stand as 32-bit hashes, 0 for none: they do not tell what was called. */
export interface Observation {
  /** The proven agent. */
  readonly agentId: string
  /** Unix milliseconds. */
  readonly atMs: number
  /** Whether the method only reads. */
  readonly isSafe: boolean
  /** Method and shape of the path: what looks like an id counts as one word. */
  readonly route: number
  /** The last id in the path. */
  readonly resource: number
  /** The same where it is a whole number; -1 otherwise. */
  readonly resourceNumber: number
  /** For whom the agent acts. */
  readonly user: number
  /** The key that proved it. */
  readonly key: number
  /** Scopes that the request uses, together. */
  readonly capability: number
  /** What the request is about in money or another unit, 2^53 - 1 at most; -1 without one. */
  readonly amount: number
  /** The address of the caller. */
  readonly address: string | undefined
  /** The same as its network's prefix, hashed, where the address itself is not told. @default worked out of the address */
  readonly prefix?: number
  /** Where it belongs, with the prefix. @default asked of the settings' `network` */
  readonly place?: NetworkPlace | undefined
  /** Whether it uses a scope that no honest agent uses. */
  readonly isHoney: boolean
  /** Whether the same request was observed before and only capability and amount are new. @default false */
  readonly isRepeated?: boolean
  /** Whether it waited for its turn when it was observed before. @default false */
  readonly hadTurn?: boolean
}

/** Stands for a request that is about no amount. */
export const NO_AMOUNT = -1
/** Beyond it a sum of amounts is not exact any more, and numbers in half the room would be infinite: what was learned is gone then. */
const MOST_AMOUNT = Number.MAX_SAFE_INTEGER

/** An amount that can be counted: agents choose what routes read. What is no number is none, and what is beyond all is the most. */
export function countable(amount: unknown): number {
  return typeof amount === 'number' && amount > 0 ? Math.min(amount, MOST_AMOUNT) : NO_AMOUNT
}

/** How a request of a proven agent ended. */
export interface EndedRequest {
  /** The agent that sent it, proven by its credential. */
  readonly agentId: string
  /** Unix milliseconds. */
  readonly atMs: number
  /** `failed`: a further proof did not hold; `refused`: it asked for what it may not; `missing`: for what is not there. */
  readonly end: 'served' | 'failed' | 'refused' | 'missing'
  /** Bytes of the answer. @default not known */
  readonly bytes?: number | undefined
}
