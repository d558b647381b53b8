import { availableParallelism } from 'node:os'
import {
  type AgentKey,
  type Environment,
  type Measurement,
  type MetricRow,
  requireKnownOptions,
  requireNumber,
  Unavailable,
} from '@countermark/core'
import { addressPrefix, createRecent, type KeyCaller } from '@countermark/core/internal'

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

/** What verification of signatures reports. */
export const VERIFICATION_METRICS: readonly MetricRow[] = [
  {
    name: 'verifications_total',
    kind: 'counter',
    help: 'Signatures verified at once on the event loop or in the thread pool',
    labels: { mode: ['sync', 'pool'] },
  },
  {
    name: 'verifications_shed_total',
    kind: 'counter',
    help: 'Requests refused because too many signatures were waiting to be verified',
    labels: {},
  },
  {
    name: 'verifications_waiting',
    kind: 'gauge',
    help: 'Signatures that wait for the thread pool',
    labels: {},
    initial: 0,
  },
  {
    name: 'deprecated_scheme_requests_total',
    kind: 'counter',
    help: 'Requests signed in a form that is to go away',
    labels: { scheme: ['simple-v0'] },
  },
]

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

/** Somebody who waits. */
interface Waiting {
  readonly start: () => void
  readonly refuse: () => void
}

/** A line in which the proven stand in front of the others. */
interface WaitingLine {
  /** Whether there is a place, if need be that of an unproven one. */
  readonly hasPlace: (isProven: boolean) => boolean
  /** Lines up. Where no place is free, the last unproven one is refused. */
  readonly enter: (waiting: Waiting, isProven: boolean) => void
  /** Starts the next one. */
  readonly startNext: () => void
  readonly length: () => number
}

/** One start in so many goes to the unproven, so that each of them is answered some day. */
const SHARE_OF_OTHERS = 8

/** Creates a line with so many places. */
function createWaitingLine(places: number): WaitingLine {
  const proven: Waiting[] = []
  const others: Waiting[] = []
  let started = 0
  const length = (): number => proven.length + others.length
  return {
    length,
    hasPlace: (isProven) => length() < places || (isProven && others.length > 0),
    enter: (waiting, isProven) => {
      if (length() >= places) others.pop()?.refuse()
      const own = isProven ? proven : others
      own.push(waiting)
    },
    startNext: () => {
      const isTurnOfOthers = ++started % SHARE_OF_OTHERS === 0
      const next = (isTurnOfOthers ? others.shift() : undefined) ?? proven.shift() ?? others.shift()
      next?.start()
    },
  }
}

/** Which keys proved themselves lately, and from where. */
interface ProvenSources {
  /** Whether anything is known of the key: a look-up, cheap enough for every request. */
  readonly knows: (thumbprint: string) => boolean
  /** Takes note of a signature that held. */
  readonly keep: (thumbprint: string, caller: KeyCaller | undefined) => void
  /** Whether the key proved itself lately from the network of this caller. */
  readonly has: (thumbprint: string, caller: KeyCaller | undefined) => boolean
}

/** Strangers cannot fill it: what does not verify is not kept. */
const LIMITS = { maxEntries: 20_000, maxCharacters: 2_000_000 } as const
/** Instances of one agent may call from several networks. */
const MAX_NETWORKS = 4

/** Remembers the last networks of each of the keys that were used last. */
function createProvenSources(): ProvenSources {
  const sources = createRecent<string[]>(LIMITS)
  return {
    knows: (thumbprint) => sources.find(thumbprint) !== undefined,
    keep: (thumbprint, caller) => {
      const network = addressPrefix(caller?.remoteAddress)
      const networks = sources.find(thumbprint)
      if (networks === undefined) {
        sources.keep(thumbprint, [network])
        return
      }
      if (networks.includes(network)) return
      if (networks.length >= MAX_NETWORKS) networks.shift()
      networks.push(network)
    },
    has: (thumbprint, caller) => sources.find(thumbprint)?.includes(addressPrefix(caller?.remoteAddress)) ?? false,
  }
}
