import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isJsonObject } from '@countermark/core/internal'
import type { ChainEnd } from '../record/chain.ts'
import { readLines } from '../record/read-trail.ts'
import { type Checkpoint, checkpointKeyName, checkpointLine, isSignedBy } from '../trail/checkpoint.ts'

/** Checkpoints whose signatures hold. */
export interface Anchors {
  /** The checkpoint of a chain at this place, if there is one. */
  readonly find: (chain: string, seq: number) => Checkpoint | undefined
  /** The furthest checkpoint of each chain. */
  readonly ends: () => readonly ChainEnd[]
  /** How many checkpoints hold. */
  readonly count: number
  /** Lines that are no checkpoint, or are signed with no key that is trusted. */
  readonly rejected: number
  /** What is wrong with the files: such lines, files without a checkpoint, checkpoints that contradict each other. */
  readonly problems: readonly string[]
}

/** No checkpoints: nothing counts as anchored. */
export const NO_ANCHORS: Anchors = { find: () => undefined, ends: () => [], count: 0, rejected: 0, problems: [] }

const MAX_PROBLEMS = 100
const MAX_CHECKPOINT_BYTES = 4096

/** Reads checkpoints from files and keeps those that a trusted key signed. @throws what the file system throws */
export async function readAnchors(paths: readonly string[], keys: readonly KeyObject[]): Promise<Anchors> {
  const found = new FoundCheckpoints(keys)
  for (const path of new Set(paths)) await found.readFile(path)
  const { byChain, count, problems, rejected } = found
  return {
    find: (chain, seq) => byChain.get(chain)?.get(seq),
    ends: () => [...byChain.values()].flatMap(furthest),
    count,
    rejected,
    problems: problems.slice(0, MAX_PROBLEMS),
  }
}

class FoundCheckpoints {
  readonly byChain = new Map<string, Map<number, Checkpoint>>()
  readonly problems: string[] = []
  count = 0
  rejected = 0
  private readonly trusted: ReadonlyMap<string, KeyObject>

  constructor(keys: readonly KeyObject[]) {
    this.trusted = new Map(keys.map((key) => [checkpointKeyName(key), key]))
  }

  async readFile(path: string): Promise<void> {
    const before = this.count + this.rejected
    for await (const { bytes, number } of readLines(path)) {
      if (bytes.length > 0) this.readLine(bytes, `${path}:${number}`)
    }
    if (this.count + this.rejected === before) this.problems.push(`${path} holds no checkpoint`)
  }

  private readLine(bytes: Buffer, place: string): void {
    const checkpoint = parseCheckpoint(bytes)
    const key = checkpoint && this.trusted.get(checkpoint.key)
    if (checkpoint !== undefined && key !== undefined && isSignedBy(checkpoint, key)) {
      this.keep(checkpoint, place)
      return
    }
    this.rejected += 1
    const hint = checkpoint === undefined ? '; a line that a crash left half written may be deleted' : ''
    this.problems.push(`${place} is no checkpoint that a trusted key signed${hint}`)
  }

  private keep(checkpoint: Checkpoint, place: string): void {
    const { chain, seq, hash } = checkpoint
    const known = this.byChain.get(chain) ?? new Map<number, Checkpoint>()
    if ((known.get(seq)?.hash ?? hash) !== hash) {
      this.problems.push(`${place} contradicts another checkpoint about record ${seq} of chain ${chain}`)
    }
    this.byChain.set(chain, known.set(seq, checkpoint))
    this.count += 1
  }
}

function furthest(chain: ReadonlyMap<number, Checkpoint>): readonly ChainEnd[] {
  const seq = [...chain.keys()].reduce((last, next) => Math.max(last, next), 0)
  const end = chain.get(seq)
  return end === undefined ? [] : [end]
}

function parseCheckpoint(bytes: Buffer): Checkpoint | undefined {
  if (bytes.length > MAX_CHECKPOINT_BYTES) return undefined
  const text = bytes.toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    return isCheckpoint(value) && checkpointLine(value) === text ? value : undefined
  } catch {
    // No JSON, so no checkpoint.
    return undefined
  }
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (!isJsonObject(value)) return false
  const { v, type, seq, ...texts } = value
  const names = ['at', 'chain', 'hash', 'key', 'signature']
  if (v !== 1 || type !== 'checkpoint' || typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return false
  return Object.keys(texts).sort().join() === names.join() && names.every((name) => typeof texts[name] === 'string')
}

/** Reads a public Ed25519 key, in PEM or as a JWK. @throws TypeError */
export async function readCheckpointKey(path: string): Promise<KeyObject> {
  const text = await readFile(path, 'utf8')
  const key = text.trimStart().startsWith('{')
    ? createPublicKey({ key: JSON.parse(text), format: 'jwk' })
    : createPublicKey(text)
  if (key.asymmetricKeyType === 'ed25519') return key
  throw new TypeError(`${path} holds no Ed25519 key`)
}
