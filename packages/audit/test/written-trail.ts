import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Decision } from '@countermark/core'
import { aRequest, createFakeClock, createTempFolder } from '@countermark/testing'
import { type AuditTrailOptions, auditTrail, fileAnchor, fileSink } from '../src/index.ts'
import type { CheckpointOptions } from '../src/trail/checkpoint.ts'

/** A trail on disk, with its checkpoints and the key that signed them. */
export interface WrittenTrail {
  readonly path: string
  readonly checkpointPath: string
  readonly publicKey: KeyObject
  /** What anchors further chains in the same place. */
  readonly checkpoints: () => CheckpointOptions
  readonly lines: readonly string[]
  readonly remove: () => Promise<void>
}

/** How a trail in a test is written. */
export interface WrittenTrailInput {
  readonly decisions: number
  /** How many processes wrote it, one after the other. @default 1 */
  readonly runs?: number
  readonly everyRecords?: number
  /** What is particular about each decision. @default nothing */
  readonly decision?: (index: number) => Partial<Decision>
  readonly trail?: Partial<AuditTrailOptions>
  /** When each process starts, by its clock. Milliseconds. @default the machine's clock */
  readonly startsMs?: readonly number[]
}

/** Writes a trail through its public interface; all of it is anchored. */
export async function writeTrail(input: WrittenTrailInput): Promise<WrittenTrail> {
  const { decisions, runs = 1, everyRecords = 1000, startsMs } = input
  const folder = await createTempFolder()
  const path = join(folder.path, 'audit.ndjson')
  const checkpointPath = join(folder.path, 'checkpoints.ndjson')
  const { privateKey } = generateKeyPairSync('ed25519')
  const checkpoints = () => ({ key: privateKey, anchors: [fileAnchor({ path: checkpointPath })], everyRecords })
  for (let run = 0; run < runs; run++) {
    const sinks = [fileSink({ path, fsync: 'never' })]
    const trail = auditTrail({
      sinks,
      deadlineMs: 20_000,
      checkpoints: checkpoints(),
      ...(startsMs === undefined ? {} : { clock: createFakeClock(startsMs[run]) }),
      ...input.trail,
    })
    await trail.ready()
    for (let index = 0; index < decisions; index++) {
      void trail.record(aDecision({ requestId: `req_${run}_${index}`, ...input.decision?.(index) }))
    }
    await trail.close()
  }
  const text = await readFile(path, 'utf8')
  const lines = text.split('\n').slice(0, -1)
  const publicKey = createPublicKey(privateKey)
  return { path, checkpointPath, publicKey, checkpoints, lines, remove: folder.remove }
}

/** A decision as core hands it to a recorder: a safe request, allowed, for a user. */
export function aDecision(changes: Partial<Decision> = {}): Decision {
  return {
    requestId: 'req_1',
    atMs: 1_767_225_600_000,
    outcome: 'allow',
    check: 'verifyDelegation',
    refusal: undefined,
    status: undefined,
    request: aRequest({ target: '/orders/7?limit=10' }),
    agent: undefined,
    facts: {
      agent: { id: 'agt_buyer', level: 'bearer', scheme: 'bearer', record: { id: 'agt_buyer', state: 'active' } },
      delegation: {
        issuer: 'https://auth.example.com',
        subject: 'user_17',
        tokenId: 'dlg_1',
        actor: { id: 'agt_buyer', issuer: undefined },
        priorActors: [{ id: 'agt_planner', issuer: undefined }],
        scopes: ['orders:read'],
        authorizationDetails: [],
        audiences: ['https://api.example.com'],
        issuedAt: 1_767_225_600,
        expiresAt: 1_767_226_200,
        binding: 'none',
        claims: { iss: 'https://auth.example.com', sub: 'user_17' },
      },
    },
    timings: [],
    mode: 'enforce',
    configuration: 'DPb2C1ZbN8jLoIuYJd_1CIyZdO0wqJzSAVYUZ5-vXbY',
    anonymous: false,
    ...changes,
  }
}
