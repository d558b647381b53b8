import { createPublicKey, KeyObject } from 'node:crypto'
import { type Clock, type Measurement, Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import { requireMethods, withDeadline } from '@countermark/core/internal'
import type { ChainEnd } from '../record/audit-sink.ts'
import { type CheckpointAnchor, checkpointKeyName, signCheckpoint } from './checkpoint.ts'

/** How often the end of the chain is signed, with what, and where that goes. */
export interface CheckpointOptions {
  /** An Ed25519 private key that whoever can change the trail must not have. */
  readonly key: KeyObject
  /** Where checkpoints go. At least one. */
  readonly anchors: readonly CheckpointAnchor[]
  /** @default 1000 */
  readonly everyRecords?: number
  /** @default 60 */
  readonly everySeconds?: number
}

/** Signs the end of a chain now and then. */
export interface Checkpoints {
  /** Tells how far the chain is durable. */
  readonly advance: (end: ChainEnd) => void
  /** Signs whatever is not signed yet. @throws what an anchor throws */
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
}

/** What is used of the trail. */
export interface CheckpointSurroundings {
  readonly clock: Clock
  readonly deadlineMs: number
  readonly report: (measurement: Measurement) => void
}

/**
 * Prepares checkpoints of one chain.
 * @throws {@link Misconfigured}
 */
export function createCheckpoints(options: CheckpointOptions, surroundings: CheckpointSurroundings): Checkpoints {
  const { key, anchors, everyRecords, everySeconds } = readOptions(options)
  const { clock, deadlineMs, report } = surroundings
  const keyName = checkpointKeyName(createPublicKey(key))
  let end: ChainEnd | undefined
  let signedSeq = 0
  let signedAtMs = clock.monotonicMs()
  let running: Promise<void> | undefined

  async function publish(): Promise<void> {
    if (end === undefined || end.seq === signedSeq) return
    const { chain, seq } = end
    const checkpoint = signCheckpoint(end, new Date(clock.wallMs()).toISOString(), key, keyName)
    await Promise.all(anchors.map((anchor) => withDeadline(anchor.publish(checkpoint), deadlineMs)))
    if (end.chain === chain) signedSeq = seq
    signedAtMs = clock.monotonicMs()
  }

  const start = (): Promise<void> => {
    running ??= publish()
      .then(
        () => report(CHECKPOINTS.written),
        (error: unknown) => {
          report(CHECKPOINTS.failed)
          throw error
        },
      )
      .finally(() => {
        running = undefined
      })
    return running
  }

  /** Says how long the end of the chain has been without a signature, and signs when that is due. */
  const look = (): void => {
    const ageMs = end === undefined || end.seq === signedSeq ? 0 : clock.monotonicMs() - signedAtMs
    report({ name: 'audit_checkpoint_age_seconds', kind: 'gauge', value: ageMs / 1000 })
    const isDue = end !== undefined && (end.seq - signedSeq >= everyRecords || ageMs >= everySeconds * 1000)
    // A failure is counted; the next record or the timer tries again.
    if (isDue) start().catch(() => undefined)
  }
  const timer = setInterval(look, Math.min(everySeconds * 1000, LONGEST_TIMER_MS))
  timer.unref()

  return {
    advance: (newEnd) => {
      // A thread that died is followed by one with a chain of its own.
      if (newEnd.chain !== end?.chain) signedSeq = 0
      if (end === undefined || end.seq === signedSeq) signedAtMs = clock.monotonicMs()
      end = newEnd
      look()
    },
    flush: async () => {
      await running?.catch(() => undefined)
      await start()
    },
    close: async () => {
      clearInterval(timer)
      await Promise.all(anchors.map((anchor) => anchor.close?.()))
    },
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

const CHECKPOINTS = {
  written: { name: 'audit_checkpoints_total', kind: 'counter', value: 1, labels: { result: 'written' } },
  failed: { name: 'audit_checkpoints_total', kind: 'counter', value: 1, labels: { result: 'failed' } },
} as const

function readOptions(options: CheckpointOptions): Required<CheckpointOptions> {
  requireKnownOptions('checkpoints', options, ['key', 'anchors', 'everyRecords', 'everySeconds'])
  const { key, anchors, everyRecords = 1000, everySeconds = 60 } = options
  if (!(key instanceof KeyObject && key.type === 'private' && key.asymmetricKeyType === 'ed25519')) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'checkpoints.key must be an Ed25519 private key, as createPrivateKey makes it',
    )
  }
  if (!Array.isArray(anchors) || anchors.length === 0) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      'checkpoints.anchors must list at least one, such as fileAnchor({ path })',
    )
  }
  for (const anchor of anchors) requireMethods('each of checkpoints.anchors', anchor, ['publish'])
  return {
    key,
    anchors,
    everyRecords: requireNumber('checkpoints.everyRecords', everyRecords, { min: 1 }),
    everySeconds: requireNumber('checkpoints.everySeconds', everySeconds, { min: 1 }),
  }
}
