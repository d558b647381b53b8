import type { Environment, MetricRow } from '@countermark/core'

/** An answer that is kept for repetitions. */
export interface KeptAnswer {
  /** The HTTP status. */
  readonly status: number
  /** The header fields, in order. */
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[]
  /** The content, as it was sent. */
  readonly body: Uint8Array
}

/** A request with a key. */
export interface KeyedRequest {
  /** Agent, user and key, hashed: one entry in the store. */
  readonly id: string
  /** Route, query and content, hashed. The same key with another one is a mistake. */
  readonly fingerprint: string
  /** Whose entries are counted together. */
  readonly agentId: string
}

/**
 * `first`: the key was free, and now it is taken. `running`: it is taken, and there is no answer yet. `answered`: here
 * it is. `unkept`: there was an answer, which was too large to keep. `reused`: the key belongs to another request.
 * `over_quota`, `full`: nothing was taken, because this agent, or all agents together, have too many keys.
 */
export type KeyState =
  | {
      readonly state: 'first'
      /** Keeps the answer; `undefined` when it is too large. */
      readonly finish: (answer: KeptAnswer | undefined) => void | Promise<void>
      /** Frees the key: nothing was done. */
      readonly abandon: () => void | Promise<void>
    }
  | { readonly state: 'answered'; readonly answer: KeptAnswer }
  | { readonly state: 'running' | 'unkept' | 'reused' | 'over_quota' | 'full' }

/** Remembers keys and answers. Taking a key is one atomic step, and a taken key is never forgotten early. */
export interface AnswerStore {
  /** A closed word for metrics, such as `memory` or `redis`. */
  readonly name: string
  /** What it reports. @default nothing */
  readonly metrics?: readonly MetricRow[]
  /** @throws Unavailable `idempotency_store_unavailable` */
  readonly begin: (request: KeyedRequest, environment: Environment) => KeyState | Promise<KeyState>
}
