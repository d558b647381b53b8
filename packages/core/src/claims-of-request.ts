import { Given } from './internal/bare-object.ts'
import type { ReplayClaim, ReplayStore } from './replay-store.ts'

/** A claim that a request made with success. */
interface Made {
  readonly store: ReplayStore
  readonly claim: ReplayClaim
  readonly before: Made | undefined
}

/** More than one request can make: two signatures, a DPoP proof and an approval. An older one is a replay again. */
const MAX_CLAIMS = 8

/** Keeps claims as a private member of the request, for the reasons that `createRequestStates` has. */
class Claiming extends Given {
  #last: Made | undefined
  #count: number

  constructor(raw: object, made: Made) {
    super(raw)
    this.#last = made
    this.#count = 1
  }

  static last(raw: object): Made | undefined {
    return #last in raw ? raw.#last : undefined
  }

  static add(raw: object, store: ReplayStore, claim: ReplayClaim): void {
    if (!(#last in raw)) {
      new Claiming(raw, { store, claim, before: undefined })
      return
    }
    const isFull = raw.#count >= MAX_CLAIMS
    raw.#count = isFull ? 1 : raw.#count + 1
    raw.#last = { store, claim, before: isFull ? undefined : raw.#last }
  }
}

/** Whether this very request made the same claim in the same store before. */
export function findClaim(raw: object, store: ReplayStore, claim: ReplayClaim): boolean {
  for (let made = Claiming.last(raw); made !== undefined; made = made.before) {
    if (made.store === store && Buffer.compare(made.claim.id, claim.id) === 0) return true
  }
  return false
}

/** Remembers that a request made a claim, for as long as the request is there. */
export function rememberClaim(raw: object, store: ReplayStore, claim: ReplayClaim): void {
  Claiming.add(raw, store, claim)
}
