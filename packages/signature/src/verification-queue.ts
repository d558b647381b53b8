import { availableParallelism } from 'node:os'
import { type AgentKey, type Environment, Unavailable } from '@countermark/core'
import { addressPrefix, createRecent, type KeyCaller, number, optionTable } from '@countermark/core/internal'
import { METRICS } from './metric-rows.ts'

/** How verification is spread under load. */
export interface VerificationQueueOptions {
  /**
   * Verifications done at once, on the event loop, in one of its turns; more go to the thread pool. `Infinity` never
   * uses the pool: right on a single core. @default 8 (about 1 ms), or Infinity on a single core
   */
  readonly syncPerTurn?: number
  /** Verifications handed to the thread pool at a time. @default 8, or twice the cores when that is more */
  readonly maxInFlight?: number
  /**
   * Verifications that wait for the pool; beyond that requests are refused. Keys that proved themselves lately, from the same
   * network, go before all others and take their places. @default 256
   */
  readonly maxQueued?: number
}

/** One signature to verify. */
export interface Verification {
  readonly key: AgentKey
  readonly data: Uint8Array
  readonly signature: Uint8Array
  /** Who sent it; the address is read only when it matters. */
  readonly caller?: KeyCaller | undefined
}

/** Verifies on the event loop while that is cheap, and on the thread pool when it is not. */
export interface VerificationQueue {
  /**
   * Whether the signature holds; at once unless too many were verified in this turn of the event loop.
   * @throws {@link Unavailable} `overloaded`
   */
  readonly verify: (verification: Verification, environment: Environment) => boolean | Promise<boolean>
}

const AT_ONCE = METRICS.measure('verifications_total', 1, { mode: 'sync' })
const IN_POOL = METRICS.measure('verifications_total', 1, { mode: 'pool' })
const SHED = METRICS.measure('verifications_shed_total', 1)

/** Creates a queue; guards may share one. A lone request is verified at once, a burst does not hold up the event loop. */
export function createVerificationQueue(options: VerificationQueueOptions = {}): VerificationQueue {
  return new TurnedQueue(OPTIONS.read(options))
}

class TurnedQueue implements VerificationQueue {
  readonly #syncPerTurn: number
  readonly #maxInFlight: number
  readonly #line: WaitingLine
  readonly #sources = new ProvenSources()
  #inFlight = 0
  #verifiedThisTurn = 0
  readonly #startTurn = (): void => {
    this.#verifiedThisTurn = 0
  }

  constructor({ syncPerTurn, maxInFlight, maxQueued }: Required<VerificationQueueOptions>) {
    this.#syncPerTurn = syncPerTurn
    this.#maxInFlight = maxInFlight
    this.#line = new WaitingLine(maxQueued)
  }

  verify(verification: Verification, environment: Environment): boolean | Promise<boolean> {
    if (this.#verifiedThisTurn >= this.#syncPerTurn) {
      return this.#inFlight < this.#maxInFlight
        ? this.#verifyInPool(verification, environment)
        : this.#wait(verification, environment)
    }
    const isLimited = this.#syncPerTurn !== Infinity
    // Without a limit there is nothing to count, and an immediate would cost the event loop a turn of its own.
    if (isLimited && this.#verifiedThisTurn++ === 0) setImmediate(this.#startTurn)
    environment.report(AT_ONCE)
    const { key, data, signature, caller } = verification
    const isValid = environment.verifier.verify(key, data, signature)
    // The address is looked at for a key that is new, and under load: otherwise it would cost every request.
    if (isValid === true && isLimited && !this.#sources.knows(key.thumbprint)) {
      this.#sources.keep(key.thumbprint, caller)
    }
    return isValid
  }

  async #verifyInPool({ key, data, signature, caller }: Verification, environment: Environment): Promise<boolean> {
    this.#inFlight++
    environment.report(IN_POOL)
    try {
      const isValid = await environment.verifier.verifyInThreadPool(key, data, signature)
      if (isValid === true) this.#sources.keep(key.thumbprint, caller)
      return isValid
    } finally {
      this.#inFlight--
      this.#line.startNext()
    }
  }

  #wait(verification: Verification, environment: Environment): Promise<boolean> {
    const line = this.#line
    const isProven = this.#sources.has(verification.key.thumbprint, verification.caller)
    if (!line.hasPlace(isProven)) throw shed(environment)
    return new Promise((resolve, reject) => {
      const start = (): void => {
        environment.report(METRICS.measure('verifications_waiting', line.length))
        resolve(this.#verifyInPool(verification, environment))
      }
      line.enter({ start, refuse: () => reject(shed(environment)) }, isProven)
      environment.report(METRICS.measure('verifications_waiting', line.length))
    })
  }
}

function shed({ report }: Environment): Unavailable {
  report(SHED)
  return new Unavailable('overloaded', 'verification', 'too many signatures are waiting to be verified')
}

const CORES = availableParallelism()
const OPTIONS = optionTable('createVerificationQueue', {
  syncPerTurn: number({ min: 0, max: Infinity, default: CORES === 1 ? Infinity : 8 }),
  maxInFlight: number({ min: 1, default: Math.max(8, 2 * CORES) }),
  maxQueued: number({ min: 0, default: 256 }),
})

/** A signature that waits. */
interface Waiting {
  readonly start: () => void
  readonly refuse: () => void
}

/** One start in so many goes to the unproven, so that each of them is answered some day. */
const SHARE_OF_OTHERS = 8

/** A line with so many places, in which the proven stand in front of the others. */
class WaitingLine {
  readonly #places: number
  readonly #proven: Waiting[] = []
  readonly #others: Waiting[] = []
  #started = 0

  constructor(places: number) {
    this.#places = places
  }

  get length(): number {
    return this.#proven.length + this.#others.length
  }

  /** Whether there is a place, if need be that of an unproven one. */
  hasPlace(isProven: boolean): boolean {
    return this.length < this.#places || (isProven && this.#others.length > 0)
  }

  /** Where no place is free, the last unproven one is refused. */
  enter(waiting: Waiting, isProven: boolean): void {
    if (this.length >= this.#places) this.#others.pop()?.refuse()
    const own = isProven ? this.#proven : this.#others
    own.push(waiting)
  }

  startNext(): void {
    const isTurnOfOthers = ++this.#started % SHARE_OF_OTHERS === 0
    const next = (isTurnOfOthers ? this.#others.shift() : undefined) ?? this.#proven.shift() ?? this.#others.shift()
    next?.start()
  }
}

/** Unproven callers cannot fill it: what does not verify is not kept. */
const LIMITS = { maxEntries: 20_000, maxCharacters: 2_000_000 } as const
/** Instances of one agent may call from several networks. */
const MAX_NETWORKS = 4

/** Remembers which keys proved themselves lately, and from which networks. */
class ProvenSources {
  readonly #networks = createRecent<string[]>(LIMITS)

  /** A look-up, cheap enough for every request. */
  knows(thumbprint: string): boolean {
    return this.#networks.find(thumbprint) !== undefined
  }

  keep(thumbprint: string, caller: KeyCaller | undefined): void {
    const network = addressPrefix(caller?.remoteAddress)
    const networks = this.#networks.find(thumbprint)
    if (networks === undefined) this.#networks.keep(thumbprint, [network])
    if (networks === undefined || networks.includes(network)) return
    if (networks.length >= MAX_NETWORKS) networks.shift()
    networks.push(network)
  }

  has(thumbprint: string, caller: KeyCaller | undefined): boolean {
    return this.#networks.find(thumbprint)?.includes(addressPrefix(caller?.remoteAddress)) ?? false
  }
}
