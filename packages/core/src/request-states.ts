import { Given } from './internal/bare-object.ts'
import type { RequestState } from './request-state.ts'

/** What one guard factory remembers of requests, by the framework's own request. */
export interface RequestStates {
  readonly find: (raw: object) => RequestState | undefined
  readonly remember: (raw: object, state: RequestState) => void
}

/**
 * Keeps states by request, one set for each guard factory. A private member is to other code what an entry of a WeakMap
 * is: it can be neither seen nor set. It costs the garbage collector nothing; WeakMap entries made up most of a guard's
 * time, because they outlive the request until the next full collection.
 */
export function createRequestStates(): RequestStates {
  class Stated extends Given {
    #state: RequestState

    constructor(raw: object, state: RequestState) {
      super(raw)
      this.#state = state
    }

    static find(raw: object): RequestState | undefined {
      return #state in raw ? raw.#state : undefined
    }
  }
  return {
    find: (raw) => Stated.find(raw),
    remember: (raw, state) => {
      new Stated(raw, state)
    },
  }
}
