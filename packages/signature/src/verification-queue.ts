import { availableParallelism } from 'node:os'
import {
  type AgentKey,
  type Environment,
  type Measurement,
  requireKnownOptions,
  requireNumber,
  Unavailable,
} from '@countermark/core'
import type { KeyCaller } from '@countermark/core/internal'
import { createProvenSources } from './proven-sources.ts'
import { createWaitingLine } from './waiting-line.ts'

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

const AT_ONCE = counter('verifications_total', { mode: 'sync' })
const IN_POOL = counter('verifications_total', { mode: 'pool' })
const SHED = counter('verifications_shed_total', {})

/** Creates a queue; guards may share one. A lone request is verified at once, a burst does not hold up the event loop. */
export function createVerificationQueue(options: VerificationQueueOptions = {}): VerificationQueue {
  const { syncPerTurn, maxInFlight, maxQueued } = validLimits(options)
  const line = createWaitingLine(maxQueued)
  const sources = createProvenSources()
  let inFlight = 0
  let verifiedThisTurn = 0

  const startTurn = (): void => {
    verifiedThisTurn = 0
  }
  const verifyInPool = async (verification: Verification, environment: Environment): Promise<boolean> => {
    const { key, data, signature, caller } = verification
    inFlight++
    environment.report(IN_POOL)
    try {
      const isValid = await environment.verifier.verifyInThreadPool(key, data, signature)
      if (isValid === true) sources.keep(key.thumbprint, caller)
      return isValid
    } finally {
      inFlight--
      line.startNext()
    }
  }
  const shed = (environment: Environment): Unavailable => {
    environment.report(SHED)
    return new Unavailable('overloaded', 'verification', 'too many signatures are waiting to be verified')
  }
  const wait = (verification: Verification, environment: Environment): Promise<boolean> => {
    const isProven = sources.has(verification.key.thumbprint, verification.caller)
    if (!line.hasPlace(isProven)) throw shed(environment)
    return new Promise((resolve, reject) => {
      const start = (): void => {
        reportWaiting(environment, line.length())
        resolve(verifyInPool(verification, environment))
      }
      line.enter({ start, refuse: () => reject(shed(environment)) }, isProven)
      reportWaiting(environment, line.length())
    })
  }

  return {
    verify: (verification, environment) => {
      if (verifiedThisTurn < syncPerTurn) {
        // Without a limit there is nothing to count, and an immediate would cost the event loop a turn of its own.
        if (syncPerTurn !== Infinity && verifiedThisTurn++ === 0) setImmediate(startTurn)
        environment.report(AT_ONCE)
        const { key, data, signature, caller } = verification
        const isValid = environment.verifier.verify(key, data, signature)
        // The address is looked at for a key that is new, and under load: otherwise it would cost every request.
        if (isValid === true && syncPerTurn !== Infinity && !sources.knows(key.thumbprint)) {
          sources.keep(key.thumbprint, caller)
        }
        return isValid
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
