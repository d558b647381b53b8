import { createHash } from 'node:crypto'
import { canonicalJson } from '@countermark/core/internal'
import type { DecisionRecord, PrivateValue } from '../src/record/audit-record.ts'
import type { SealedRecord } from '../src/sinks.ts'

/** What a test may choose about the records of a chain. */
export interface SealedRecordsInput {
  readonly chain: string
  readonly count: number
  /** `seq` of the first one. @default 1 */
  readonly from?: number
  /** Erasable values of every record. @default a user */
  readonly values?: Readonly<Record<string, string>>
  readonly change?: (record: DecisionRecord, seq: number) => DecisionRecord
}

/** Records as a trail seals them, made without its code. */
export function sealedRecords(input: SealedRecordsInput): readonly SealedRecord[] {
  const { chain, count, from = 1, values = { user: 'user_7' }, change = (record) => record } = input
  let previous = sha256(chain)
  return Array.from({ length: count }, (_, index) => {
    const seq = from + index
    const record = change(writeDecision(`${chain}-${seq}`), seq)
    const hash = sha256(`${previous}${canonicalJson(record)}`)
    const erasable = Object.entries(values).map(([name, value]) => [name, { salt: `salt-${seq}`, value }] as const)
    const withheld: Readonly<Record<string, PrivateValue>> = Object.fromEntries(erasable)
    const body = { chain, seq, previous, hash, record, private: withheld }
    previous = hash
    return { ...body, line: JSON.stringify(body) }
  })
}

/** An allowed request. */
export function writeDecision(id: string): DecisionRecord {
  return {
    v: 1,
    type: 'decision',
    id,
    at: '2026-01-01T00:00:00.000Z',
    requestId: `req_${id}`,
    decision: 'allow',
    check: 'requireCapability',
    agent: { id: 'agt_assistant', level: 'signed', scheme: 'httpsig' },
    action: { method: 'POST', capabilities: ['refunds:create'] },
    resource: { authority: 'api.example.com', route: '/refunds/:id' },
    configuration: 'configuration-hash',
    commitments: {},
    evidence: { grade: 'none' },
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
