import { createCipheriv, createHash } from 'node:crypto'
import type { AgentKey, SignatureVerifier } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { tables } from '../src/tables.ts'
import { ORDER, toBytes, toNumber } from './edwards.ts'
import { createNonce, createSigner, type Nonce, partsCancel, type Shifts, type Signer, signShifted } from './signer.ts'

/** What to compare. */
export interface DifferentialOptions {
  /** The same seed makes the same cases. */
  readonly seed: string
  readonly cases: number
}

/** What came of it. */
export interface DifferentialResult {
  readonly cases: number
  readonly accepted: number
  /** Cases that a table judged; the rest went to node:crypto. */
  readonly judgedByTables: number
  readonly byKind: Readonly<Record<string, number>>
  /** Cases with two verdicts. */
  readonly differences: readonly Case[]
}

interface Case {
  readonly kind: string
  readonly key: AgentKey
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

const SIGNERS = 32
const NONCES = 32
/** Longer messages are rare: they make SHA-512 the whole cost. */
const LENGTHS = [0, 1, 16, 47, 48, 49, 63, 64, 65, 111, 112, 127, 128, 175, 176, 177, 300, 400, 600, 900, 1500]

/** Makes cases from a seed, and gives each to both verifiers. */
export function compareVerifiers({ seed, cases }: DifferentialOptions): DifferentialResult {
  const random = createRandom(seed)
  const maker = createCases(random)
  const tested = tables({ after: 1, shadowEvery: 65_536 })
  const differences: Case[] = []
  const byKind: Record<string, number> = {}
  let accepted = 0
  for (let index = 0; index < cases; index++) {
    const made = maker()
    const expected = nodeVerifier.verify(made.key, made.data, made.signature)
    if (tested.verify(made.key, made.data, made.signature) !== expected) differences.push(made)
    if (expected) accepted++
    byKind[made.kind] = (byKind[made.kind] ?? 0) + 1
  }
  return { cases, accepted, judgedByTables: readCount(tested), byKind, differences }
}

/** How many signatures tables judged, from the verifier's own metrics. */
export function readCount({ metrics = [] }: SignatureVerifier): number {
  return metrics.find(({ name }) => name === 'ed25519_tables_verifications_total')?.read?.() ?? Number.NaN
}

interface Random {
  readonly below: (limit: number) => number
  readonly bytes: (length: number) => Buffer
  readonly scalar: () => bigint
}

/** The key stream of AES-256 in counter mode, under a hash of the seed. */
function createRandom(seed: string): Random {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
  const zeros = Buffer.alloc(65_536)
  let [pool, used] = [cipher.update(zeros), 0]
  const bytes = (length: number): Buffer => {
    if (used + length > pool.length) [pool, used] = [cipher.update(zeros), 0]
    used += length
    return pool.subarray(used - length, used)
  }
  return {
    bytes,
    below: (limit) => bytes(4).readUInt32LE() % limit,
    scalar: () => toNumber(bytes(64)) % ORDER,
  }
}

type Mutation = (made: Case, random: Random) => Partial<Case>

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  unchanged: () => ({}),
  'bit of R': ({ signature }, random) => ({ signature: flip(signature, random.below(256)) }),
  'bit of S': ({ signature }, random) => ({ signature: flip(signature, 256 + random.below(256)) }),
  'bit of the message': ({ data }, random) => ({
    data: data.length === 0 ? random.bytes(1) : flip(data, random.below(8 * data.length)),
  }),
  'S plus a multiple of the order': ({ signature }, random) => {
    const shifted = toNumber(signature.subarray(32)) + BigInt(1 + random.below(14)) * ORDER
    return { signature: Buffer.concat([signature.subarray(0, 32), toBytes(shifted)]) }
  },
  'S near the order': ({ signature }, random) => ({
    signature: Buffer.concat([signature.subarray(0, 32), toBytes(ORDER + BigInt(random.below(5) - 2))]),
  }),
  'S at random': ({ signature }, random) => ({
    signature: Buffer.concat([signature.subarray(0, 32), toBytes(random.scalar())]),
  }),
  'R at random': ({ signature }, random) => ({
    signature: Buffer.concat([random.bytes(32), signature.subarray(32)]),
  }),
  'R near the prime': ({ signature }, random) => {
    const y = 2n ** 255n - 19n + BigInt(random.below(32) - 13)
    const R = toBytes(y % 2n ** 255n)
    if (random.below(2) === 1) R[31] = (R[31] as number) | 0x80
    return { signature: Buffer.concat([R, signature.subarray(32)]) }
  },
  'all at random': (_made, random) => ({ signature: random.bytes(64) }),
  'another length': ({ signature }, random) => ({
    signature: Buffer.concat([signature, Buffer.alloc(8)]).subarray(0, 56 + random.below(17)),
  }),
}

const KINDS = Object.keys(MUTATIONS)

function createCases(random: Random): () => Case {
  const signers = Array.from({ length: SIGNERS }, () => createSigner(random.scalar()))
  const nonces = Array.from({ length: NONCES }, (_, index) => createNonce(index === 0 ? 0n : random.scalar()))
  return () => {
    const base = signedCase(random, signers, nonces)
    // As many unchanged ones as of all other kinds together.
    const name = random.below(2) === 0 ? 'unchanged' : (KINDS[random.below(KINDS.length)] ?? 'unchanged')
    return { ...base, kind: `${base.kind}, ${name}`, ...MUTATIONS[name]?.(base, random) }
  }
}

/** Half of the keys and of the R are of prime order, as those of honest agents; the others have a part of small order. */
function signedCase(random: Random, signers: readonly Signer[], nonces: readonly Nonce[]): Case {
  const signer = signers[random.below(SIGNERS)] as Signer
  // The first nonce is 0, and its R has small order.
  const nonce = nonces[random.below(NONCES)] as Nonce
  const data = random.bytes(LENGTHS[random.below(LENGTHS.length)] ?? 0)
  const [order, shifts] = drawShifts(random, signer, nonce, data)
  const kind = `${order}${nonce.scalar === 0n ? ', small R' : ''}`
  return { kind, key: signer.keys[shifts.key] as AgentKey, data, signature: signShifted(signer, nonce, data, shifts) }
}

function drawShifts(random: Random, signer: Signer, nonce: Nonce, data: Uint8Array): [order: string, shifts: Shifts] {
  const choice = random.below(4)
  if (choice < 2) return ['prime order', { key: 0, R: 0 }]
  const shifts = { key: random.below(8), R: random.below(8) }
  if (choice === 2) return ['mixed order', shifts]
  const cancelling = nonce.points.findIndex((_, R) => partsCancel(signer, nonce, data, { key: shifts.key, R }))
  return cancelling < 0 ? ['mixed order', shifts] : ['mixed order that holds', { key: shifts.key, R: cancelling }]
}

function flip(bytes: Uint8Array, bit: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
  return changed
}
