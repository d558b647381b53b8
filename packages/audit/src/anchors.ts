import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ChainEnd } from './audit-sink.ts'
import { type Checkpoint, checkpointKeyName, checkpointLine, isSignedBy } from './checkpoint.ts'
import { readLines } from './read-lines.ts'

/** Checkpoints whose signatures hold. */
export interface Anchors {
  readonly find: (chain: string, seq: number) => Checkpoint | undefined
  /** The furthest checkpoint of each chain. */
  readonly ends: () => readonly ChainEnd[]
  readonly count: number
  /** Lines that are no checkpoint, or are signed with no key that is trusted. */
  readonly rejected: number
}

/** Reads checkpoints from files and keeps those that a trusted key signed. @throws what the file system throws */
export async function readAnchors(paths: readonly string[], keys: readonly KeyObject[]): Promise<Anchors> {
  const trusted = new Map(keys.map((key) => [checkpointKeyName(key), key]))
  const byChain = new Map<string, Map<number, Checkpoint>>()
  let count = 0
  let rejected = 0
  for (const path of paths) {
    for await (const { bytes } of readLines(path)) {
      if (bytes.length === 0) continue
      const checkpoint = parseCheckpoint(bytes.toString('utf8'))
      const key = checkpoint && trusted.get(checkpoint.key)
      if (checkpoint === undefined || key === undefined || !isSignedBy(checkpoint, key)) {
        rejected += 1
        continue
      }
      const chain = byChain.get(checkpoint.chain) ?? new Map<number, Checkpoint>()
      byChain.set(checkpoint.chain, chain.set(checkpoint.seq, checkpoint))
      count += 1
    }
  }
  return {
    find: (chain, seq) => byChain.get(chain)?.get(seq),
    ends: () => [...byChain.values()].map(furthest),
    count,
    rejected,
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

function parseCheckpoint(text: string): Checkpoint | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isCheckpoint(value) && checkpointLine(value) === text ? value : undefined
  } catch {
    // No JSON, so no checkpoint.
    return undefined
  }
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false
  const { v, type, seq, ...texts }: Readonly<Record<string, unknown>> = { ...value }
  const names = ['at', 'chain', 'hash', 'key', 'signature']
  return (
    v === 1 &&
    type === 'checkpoint' &&
    Number.isSafeInteger(seq) &&
    Object.keys(texts).sort().join() === names.join() &&
    names.every((name) => typeof texts[name] === 'string')
  )
}
