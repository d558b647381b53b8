import { createPublicKey, KeyObject, sign, verify } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { type Clock, Misconfigured } from '@countermark/core'
import {
  canonicalJson,
  custom,
  type Measurement,
  number,
  optionTable,
  requireMethods,
  thumbprintOf,
  withDeadline,
} from '@countermark/core/internal'
import { TRAIL_METRICS } from '../metric-rows.ts'
import type { ChainEnd } from '../record/chain.ts'
import { explainTrouble, TroubleTeller, tellOperator } from '../sinks/file/file-system.ts'

/** What a signed checkpoint says: up to this record the chain was as its hash tells. */
export interface CheckpointStatement extends ChainEnd {
  readonly v: 1
  readonly type: 'checkpoint'
  /** ISO 8601. */
  readonly at: string
  /** JWK thumbprint of the key that signed (RFC 7638). */
  readonly key: string
}

/** A statement with its Ed25519 signature, base64url. */
export interface Checkpoint extends CheckpointStatement {
  readonly signature: string
}

/** Where checkpoints go: out of reach of those who can change the trail. */
export interface CheckpointAnchor {
  /** A closed word for metrics. */
  readonly name: string
  /** Answers once the checkpoint is durable. */
  readonly publish: (checkpoint: Checkpoint) => Promise<void>
  /** Ends what the anchor keeps open. @default there is nothing to end */
  readonly close?: () => Promise<void>
}

const CONTEXT = 'countermark audit checkpoint\n'

/** Signs a statement about a chain. `key` is an Ed25519 private key. */
export function signCheckpoint(end: ChainEnd, at: string, key: KeyObject, thumbprint: string): Checkpoint {
  const { chain, seq, hash } = end
  const statement: CheckpointStatement = { v: 1, type: 'checkpoint', chain, seq, hash, at, key: thumbprint }
  return { ...statement, signature: sign(null, signedBytes(statement), key).toString('base64url') }
}

/** Whether a checkpoint was signed with this key and says what it said then. */
export function isSignedBy({ signature, ...statement }: Checkpoint, publicKey: KeyObject): boolean {
  return verify(null, signedBytes(statement), publicKey, Buffer.from(signature, 'base64url'))
}

/** The line of a checkpoint in a file of them. */
export function checkpointLine(checkpoint: Checkpoint): string {
  return canonicalJson(checkpoint)
}

/** The name of a key in checkpoints. */
export function checkpointKeyName(publicKey: KeyObject): string {
  const { kty, crv, x } = publicKey.export({ format: 'jwk' })
  return thumbprintOf({ kty: kty ?? '', crv: crv ?? '', x: x ?? '' })
}

/** The context keeps a checkpoint from being taken for anything else that the key signs. */
function signedBytes(statement: CheckpointStatement): Buffer {
  return Buffer.from(CONTEXT + canonicalJson(statement), 'utf8')
}

/**
 * Writes checkpoints into a file of their own, a line each, durable before it answers. Put it where the process that writes the
 * trail can only append, or on another machine.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`
 */
export function fileAnchor({ path }: { readonly path: string }): CheckpointAnchor {
  if (typeof path !== 'string' || path === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'fileAnchor needs the path of a file')
  }
  let opened: FileHandle | undefined
  return {
    name: 'file',
    publish: async (checkpoint) => {
      opened ??= await openAnchor(path)
      try {
        // The line feed first: the rest of a line that failed does not become part of this one.
        await opened.write(`\n${checkpointLine(checkpoint)}\n`)
        await opened.datasync()
      } catch (error) {
        await opened.close().catch(() => undefined)
        opened = undefined
        throw error
      }
    },
    close: async () => {
      await opened?.close()
      opened = undefined
    },
  }
}

async function openAnchor(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a', 0o600)
  } catch (error) {
    throw explainTrouble(error, path, 'fileAnchor.path')
  }
}

/** How often the end of the chain is signed, with what, and where that goes. */
export interface CheckpointOptions {
  /** An Ed25519 private key, out of reach of those who can change the trail. */
  readonly key: KeyObject
  /** Where checkpoints go. At least one. */
  readonly anchors: readonly CheckpointAnchor[]
  /** @default 1000 */
  readonly everyRecords?: number
  /** @default 60 */
  readonly everySeconds?: number
}

/** What a checkpoint writer uses of the trail. */
export interface CheckpointSurroundings {
  readonly clock: Clock
  readonly deadlineMs: number
  readonly report: (measurement: Measurement) => void
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

const OPTIONS = optionTable('checkpoints', {
  key: custom((name, key) => {
    if (key instanceof KeyObject && key.type === 'private' && key.asymmetricKeyType === 'ed25519') return key
    const message = `${name} must be an Ed25519 private key, as createPrivateKey makes it`
    throw new Misconfigured('ERR_OPTION_INVALID', message)
  }),
  anchors: custom((name, anchors): readonly CheckpointAnchor[] => {
    if (!Array.isArray(anchors) || anchors.length === 0) {
      const message = `${name} must list at least one, such as fileAnchor({ path })`
      throw new Misconfigured('ERR_OPTION_MISSING', message)
    }
    return anchors.map((anchor: CheckpointAnchor) => requireMethods(`each of ${name}`, anchor, ['publish']))
  }),
  everyRecords: number({ min: 1, default: 1000 }),
  everySeconds: number({ min: 1, default: 60 }),
})

/**
 * Signs the end of a chain now and then.
 * @throws {@link Misconfigured}
 */
export class CheckpointWriter {
  private readonly options: Required<CheckpointOptions>
  private readonly surroundings: CheckpointSurroundings
  private readonly keyName: string
  private readonly timer: NodeJS.Timeout
  private readonly trouble = new TroubleTeller('a checkpoint', tellOperator)
  private end: ChainEnd | undefined
  private signedSeq = 0
  private signedAtMs: number
  private running: Promise<void> | undefined

  constructor(options: CheckpointOptions, surroundings: CheckpointSurroundings) {
    this.options = OPTIONS.read(options, 'checkpoints.')
    this.surroundings = surroundings
    this.keyName = checkpointKeyName(createPublicKey(options.key))
    this.signedAtMs = surroundings.clock.monotonicMs()
    this.timer = setInterval(() => this.look(), Math.min(this.options.everySeconds * 1000, LONGEST_TIMER_MS))
    this.timer.unref()
  }

  /** Tells how far the chain is durable. */
  advance(end: ChainEnd): void {
    // A thread that died is followed by one with a chain of its own.
    if (end.chain !== this.end?.chain) this.signedSeq = 0
    if (this.unsigned() === undefined) this.signedAtMs = this.surroundings.clock.monotonicMs()
    this.end = end
    this.look()
  }

  /** Signs what is not signed yet. @throws what an anchor throws */
  async flush(): Promise<void> {
    await this.running?.catch(() => undefined)
    await this.start()
  }

  async close(): Promise<void> {
    clearInterval(this.timer)
    await Promise.all(this.options.anchors.map((anchor) => anchor.close?.()))
  }

  /** Reports how long the end of the chain has been without a signature, and signs when that is due. */
  private look(): void {
    const { clock, report } = this.surroundings
    const { everyRecords, everySeconds } = this.options
    const end = this.unsigned()
    const ageMs = end === undefined ? 0 : clock.monotonicMs() - this.signedAtMs
    report(TRAIL_METRICS.measure('audit_checkpoint_age_seconds', ageMs / 1000))
    const isDue = end !== undefined && (end.seq - this.signedSeq >= everyRecords || ageMs >= everySeconds * 1000)
    // A failure is counted; the next record or the timer tries again.
    if (isDue) this.start().catch(() => undefined)
  }

  private unsigned(): ChainEnd | undefined {
    return this.end?.seq === this.signedSeq ? undefined : this.end
  }

  private start(): Promise<void> {
    this.running ??= this.publish().finally(() => {
      this.running = undefined
    })
    return this.running
  }

  private async publish(): Promise<void> {
    try {
      await this.sign()
      this.trouble.succeeded()
      this.count('written')
    } catch (error) {
      this.trouble.failed(error)
      this.count('failed')
      throw error
    }
  }

  private async sign(): Promise<void> {
    const end = this.unsigned()
    if (end === undefined) return
    const { clock, deadlineMs } = this.surroundings
    const { anchors, key } = this.options
    const checkpoint = signCheckpoint(end, new Date(clock.wallMs()).toISOString(), key, this.keyName)
    await Promise.all(anchors.map((anchor) => withDeadline(anchor.publish(checkpoint), deadlineMs)))
    if (this.end?.chain === end.chain) this.signedSeq = end.seq
    this.signedAtMs = clock.monotonicMs()
  }

  private count(result: 'written' | 'failed'): void {
    this.surroundings.report(TRAIL_METRICS.measure('audit_checkpoints_total', 1, { result }))
  }
}
