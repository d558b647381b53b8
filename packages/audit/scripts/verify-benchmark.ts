import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSink } from '../src/index.ts'
import { Chain, commitTo } from '../src/record/chain.ts'
import type { AuditRecord, SealedRecord } from '../src/sinks.ts'
import { readAnchors, verifyTrail } from '../src/verify.ts'

// Time and memory of verifying a large trail.
// node --import tsx --conditions=@countermark/source packages/audit/scripts/verify-benchmark.ts [records]

const RECORDS = Number(process.argv[2] ?? 1_000_000)
const BATCH = 1000

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const base = `"@method": POST\n"@authority": api.example.com\n"@path": /orders/${'7'.repeat(500)}\n"@signature-params": ()`
const signed = `${sign(null, Buffer.from(base), privateKey).toString('base64url')}\n${base}`

const folder = mkdtempSync(join(tmpdir(), 'countermark-verify-'))
const path = join(folder, 'audit.ndjson')
try {
  await write()
  const bytes = statSync(path).size
  const before = process.memoryUsage().rss
  let peak = before
  const begun = performance.now()
  const onProgress = (): void => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }
  const report = await verifyTrail([path], { anchors: await readAnchors([], []), onProgress })
  const seconds = (performance.now() - begun) / 1000
  console.log(`${report.records} records, ${(bytes / 1e6).toFixed(0)} MB, ${report.findingCount} findings`)
  console.log(`${seconds.toFixed(1)} s, ${(report.records / seconds / 1000).toFixed(1)} thousand records a second`)
  console.log(`resident memory ${(before / 1e6).toFixed(0)} MB before, ${(peak / 1e6).toFixed(0)} MB at most`)
} finally {
  rmSync(folder, { recursive: true })
}

async function write(): Promise<void> {
  const sink = fileSink({ path, fsync: 'never', maxBytes: Number.MAX_SAFE_INTEGER, daily: false })
  const chain = new Chain('20260101T000000Z-0000000000000000')
  for (let from = 0; from < RECORDS; from += BATCH) {
    const batch: SealedRecord[] = []
    for (let index = from; index < from + BATCH; index++) batch.push(chain.seal(aRecord(index)))
    await sink.append(batch)
  }
  await sink.close?.()
}

function aRecord(index: number): Parameters<Chain['seal']>[0] {
  const { commitments, private: values } = commitTo({
    address: '192.0.2.1',
    signed,
    target: `/orders/${index}`,
  })
  const record: AuditRecord = {
    action: { capabilities: ['orders:write'], method: 'POST' },
    agent: { id: 'agt_buyer', level: 'signed', scheme: 'httpsig' },
    at: '2026-01-01T00:00:00.000Z',
    check: 'requireCapability',
    commitments,
    configuration: 'DPb2C1ZbN8jLoIuYJd_1CIyZdO0wqJzSAVYUZ5-vXbY',
    decision: 'allow',
    evidence: {
      algorithm: 'ed25519',
      grade: 'signature',
      publicKey: { crv: 'Ed25519', kty: 'OKP', x: String(publicKey.export({ format: 'jwk' }).x) },
    },
    id: `20260101T000000Z-0000000000000000.${index + 1}`,
    requestId: '0b8f5a1c-5d0f-4a55-9d0e-1c1f5b8f2d11',
    resource: { authority: 'api.example.com', route: '/orders/:id' },
    type: 'decision',
    v: 1,
  }
  return { record, private: values }
}
