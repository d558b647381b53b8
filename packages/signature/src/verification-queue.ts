import { availableParallelism } from 'node:os'
import {
  type AgentKey,
  type Environment,
  type Measurement,
  requireKnownOptions,
  requireNumber,
  Unavailable,
} from '@countermark/core'

/** How verification is spread under load. */
export interface VerificationQueueOptions {
  /**
   * Verifications done at once, on the event loop, in one of its turns; more go to the thread pool. `Infinity` never
   * uses the pool: right on a single core. @default 8 (about 1 ms), or Infinity on a single core
   */
  readonly syncPerTurn?: number
  /** Verifications handed to the thread pool at a time. @default 8, or twice the cores when that is more */
  readonly maxInFlight?: number
  /** Verifications that wait for the pool; beyond that requests are refused. @default 256 */
  readonly maxQueued?: number
}

/** One signature to verify. */
export interface Verification {
  readonly key: AgentKey
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

/** Verifies on the event loop while that is cheap, and on the thread pool when it is not. */
export interface VerificationQueue {
  /**
   * Whether the signature holds; at once unless too many were verified in this turn of the event loop.
   * @throws {@link Unavailable} `overloaded`
   */
  readonly verify: (verification: Verification, environment: Environment) => boolean | Promise<boolean>
}

const AT_ONCE = counter('verifications_total', { mode: 'sync' })
const IN_POOL = counter('verifications_total', { mode: 'pool' })
const SHED = counter('verifications_shed_total', {})

/** Creates a queue; guards may share one. A lone request is verified at once, a burst does not hold up the event loop. */
export function createVerificationQueue(options: VerificationQueueOptions = {}): VerificationQueue {
  const { syncPerTurn, maxInFlight, maxQueued } = validLimits(options)
  const waiting: (() => void)[] = []
  let inFlight = 0
  let verifiedThisTurn = 0

  const startTurn = (): void => {
    verifiedThisTurn = 0
  }
  const verifyInPool = async ({ key, data, signature }: Verification, environment: Environment): Promise<boolean> => {
    inFlight++
    environment.report(IN_POOL)
    try {
      return await environment.verifier.verifyInThreadPool(key, data, signature)
    } finally {
      inFlight--
      waiting.shift()?.()
    }
  }
  const wait = (verification: Verification, environment: Environment): Promise<boolean> => {
    if (waiting.length >= maxQueued) {
      environment.report(SHED)
      throw new Unavailable('overloaded', 'verification', 'too many signatures are waiting to be verified')
    }
    return new Promise((resolve) => {
      waiting.push(() => {
        reportWaiting(environment, waiting.length)
        resolve(verifyInPool(verification, environment))
      })
      reportWaiting(environment, waiting.length)
    })
  }

  return {
    verify: (verification, environment) => {
      if (verifiedThisTurn < syncPerTurn) {
        // Without a limit nobody counts: an immediate costs the event loop a turn of its own.
        if (syncPerTurn !== Infinity && verifiedThisTurn++ === 0) setImmediate(startTurn)
        environment.report(AT_ONCE)
        return environment.verifier.verify(verification.key, verification.data, verification.signature)
      }
      return inFlight < maxInFlight ? verifyInPool(verification, environment) : wait(verification, environment)
    },
  }
}

function validLimits(options: VerificationQueueOptions): Readonly<Required<VerificationQueueOptions>> {
  requireKnownOptions('createVerificationQueue', options, ['syncPerTurn', 'maxInFlight', 'maxQueued'])
  const cores = availableParallelism()
  const { syncPerTurn = cores === 1 ? Infinity : 8, maxInFlight = Math.max(8, 2 * cores), maxQueued = 256 } = options
  return {
    syncPerTurn: requireNumber('syncPerTurn', syncPerTurn, { min: 0, max: Infinity }),
    maxInFlight: requireNumber('maxInFlight', maxInFlight, { min: 1 }),
    maxQueued: requireNumber('maxQueued', maxQueued, { min: 0 }),
  }
}

function reportWaiting(environment: Environment, value: number): void {
  environment.report({ name: 'verifications_waiting', kind: 'gauge', value })
}

function counter(name: string, labels: Readonly<Record<string, string>>): Measurement {
  return { name, kind: 'counter', value: 1, labels }
}
