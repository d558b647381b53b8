import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Decision, ProofFact } from '@countermark/core'
import { thumbprintOf } from '@countermark/core/internal'
import { aRequest, createFakeClock } from '@countermark/testing'
import { type AuditEvent, auditTrail, dataClasses, fileSink } from '../src/index.ts'
import { eraseSubject, fileStore, pruneRecords, readAnchors } from '../src/verify.ts'
import { aDecision, type WrittenTrail, writeTrail } from './written-trail.ts'

const DAY_MS = 86_400_000

/**
 * A trail of two processes in which every kind of line stands: signed requests, requests for users, records that lost
 * their values or one of them, records that were pruned, and the events that say so. All of it is anchored.
 */
export async function writeAnchoredTrail(): Promise<WrittenTrail> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const trail = await writeTrail({
    decisions: 14,
    runs: 2,
    everyRecords: 5,
    decision: (index) => DECISIONS[index % DECISIONS.length]?.(privateKey) ?? {},
    trail: { dataClass: dataClasses({ '/old/*': 'old' }) },
  })
  const store = fileStore([trail.path], { anchors: await readAnchors([trail.checkpointPath], [trail.publicKey]) })
  const again = async () => readAnchors([trail.checkpointPath], [trail.publicKey])
  await eraseSubject(store, { subject: 'user_18', record: (event) => recordIn(trail, event) })
  const afterErasure = fileStore([trail.path], { anchors: await again() })
  await eraseSubject(afterErasure, { subject: 'agt_former', record: (event) => recordIn(trail, event) })
  await pruneRecords(fileStore([trail.path], { anchors: await again() }), {
    keepDays: { old: 1 },
    clock: createFakeClock(1_767_225_600_000 + 9 * DAY_MS),
    record: (event) => recordIn(trail, event),
  })
  const text = await readFile(trail.path, 'utf8')
  return { ...trail, lines: text.split('\n').slice(0, -1) }
}

/** In a chain of its own behind the others, anchored. */
async function recordIn({ path, checkpoints }: WrittenTrail, event: AuditEvent): Promise<void> {
  const sinks = [fileSink({ path, fsync: 'never', daily: false })]
  const trail = auditTrail({ sinks, checkpoints: checkpoints(), deadlineMs: 20_000 })
  await trail.ready()
  await trail.event(event)
  await trail.close()
}

const DECISIONS: readonly ((key: KeyObject) => Partial<Decision>)[] = [
  (key) => ({ facts: { agent: SIGNER, proof: aProof(key) } }),
  () => ({}),
  () => delegated({ subject: 'user_18' }),
  (key) => ({ facts: { ...delegated({}).facts, agent: SIGNER, proof: aProof(key) } }),
  () => delegated({ priorActors: [{ id: 'agt_former', issuer: undefined }] }),
  () => ({ request: aRequest({ target: '/old/1' }) }),
  () => ({}),
]

const SIGNER = {
  id: 'agt_buyer',
  level: 'signed',
  scheme: 'httpsig',
  record: { id: 'agt_buyer', state: 'active' },
} as const

function delegated(changes: object): Pick<Decision, 'facts'> {
  const { facts } = aDecision()
  return { facts: { ...facts, ...(facts.delegation && { delegation: { ...facts.delegation, ...changes } }) } }
}

/** What a request was signed with, over the method and host that {@link aDecision} has. */
export function aProof(privateKey: KeyObject): ProofFact {
  const publicKey = createPublicKey(privateKey)
  const base = Buffer.from('"@method": GET\n"@authority": api.example.com\n"@path": /orders/7\n"@signature-params": ()')
  return {
    ...{ scheme: 'httpsig', keyId: 'k1', algorithm: 'ed25519', created: 1_767_225_600, acceptUntil: 1_767_225_900 },
    ...{ nonce: 'n', baseHash: '', label: 'sig1', tag: 'agent-auth', publicKey, covers: () => false },
    thumbprint: thumbprintOf({ ...publicKey.export({ format: 'jwk' }) }),
    signed: { base, signature: sign(null, base, privateKey) },
  }
}
