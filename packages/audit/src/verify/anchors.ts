import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ChainEnd } from '../record/chain.ts'
import { readLines } from '../record/trail-files.ts'
import { type Checkpoint, checkpointKeyName, checkpointLine, isSignedBy } from '../trail/checkpoint.ts'

/** Checkpoints whose signatures hold. */
export interface Anchors {
  readonly find: (chain: string, seq: number) => Checkpoint | undefined
  /** The furthest checkpoint of each chain. */
  readonly ends: () => readonly ChainEnd[]
  readonly count: number
  /** Lines that are no checkpoint, or are signed with no key that is trusted. */
  readonly rejected: number
  /** What is wrong with the files: such lines, files without a checkpoint, checkpoints that contradict each other. */
  readonly problems: readonly string[]
}

const MOST_PROBLEMS = 100

/** Reads checkpoints from files and keeps those that a trusted key signed. @throws what the file system throws */
export async function readAnchors(paths: readonly string[], keys: readonly KeyObject[]): Promise<Anchors> {
  const trusted = new Map(keys.map((key) => [checkpointKeyName(key), key]))
  const byChain = new Map<string, Map<number, Checkpoint>>()
  const problems: string[] = []
  let count = 0
  let rejected = 0

  function readOne(bytes: Buffer, place: string): void {
    const checkpoint = parseCheckpoint(bytes)
    const key = checkpoint && trusted.get(checkpoint.key)
    if (checkpoint === undefined || key === undefined || !isSignedBy(checkpoint, key)) {
      rejected += 1
      const hint = checkpoint === undefined ? '; a line that a crash left half written may be deleted' : ''
      problems.push(`${place} is no checkpoint that a trusted key signed${hint}`)
      return
    }
    const { chain, seq, hash } = checkpoint
    const known = byChain.get(chain) ?? new Map<number, Checkpoint>()
    if ((known.get(seq)?.hash ?? hash) !== hash) {
      problems.push(`${place} contradicts another checkpoint about record ${seq} of chain ${chain}`)
    }
    byChain.set(chain, known.set(seq, checkpoint))
    count += 1
  }

  for (const path of new Set(paths)) {
    const before = count + rejected
    for await (const { bytes, number } of readLines(path)) {
      if (bytes.length > 0) readOne(bytes, `${path}:${number}`)
    }
    if (count + rejected === before) problems.push(`${path} holds no checkpoint`)
  }
  return {
    find: (chain, seq) => byChain.get(chain)?.get(seq),
    ends: () => [...byChain.values()].map(furthest),
    count,
    rejected,
    problems: problems.slice(0, MOST_PROBLEMS),
  }
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

function furthest(chain: ReadonlyMap<number, Checkpoint>): ChainEnd {
  const [first, ...others] = chain.values()
  if (first === undefined) throw new TypeError('a chain is listed with its first checkpoint')
  return others.reduce((end, checkpoint) => (checkpoint.seq > end.seq ? checkpoint : end), first)
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

const MAX_CHECKPOINT_BYTES = 4096

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false
  const { v, type, seq, ...texts }: Readonly<Record<string, unknown>> = { ...value }
  const names = ['at', 'chain', 'hash', 'key', 'signature']
  return (
    v === 1 &&
    type === 'checkpoint' &&
    typeof seq === 'number' &&
    Number.isSafeInteger(seq) &&
    seq > 0 &&
    Object.keys(texts).sort().join() === names.join() &&
    names.every((name) => typeof texts[name] === 'string')
  )
}
