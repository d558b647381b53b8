import type { KeyObject } from 'node:crypto'
import { importPublicKey } from '@countermark/core'
import { createRecent, decodeBase64url, type PublicJwk } from '@countermark/core/internal'
import type { DecisionRecord } from '../record/audit-record.ts'
import { bounded, MAX_TEXT } from '../record/bounded-text.ts'
import type { SealedMembers } from '../record/chain.ts'
import { verifiesBy } from './evidence-algorithms.ts'

/**
 * What evidence is worth. `verified`: the signature verifies. `incomplete`: it can be verified with a credential or content
 * that is not here. `erased`: what was signed is gone. `unsigned`: the record claims no signature. `false`: it does not
 * verify, or is one of another request.
 */
export type EvidenceState = 'verified' | 'incomplete' | 'erased' | 'unsigned' | 'false'

/** Judges the evidence of one record. */
export type CheckEvidence = (sealed: SealedMembers) => EvidenceState

const SIGNED_GRADES: ReadonlySet<string> = new Set(['signature', 'signature+token', 'signature+content', 'possession'])
const KEYS = { maxEntries: 1000, maxCharacters: 2_000_000 }

/** Prepares the judgement; each key is read once. */
export function createEvidenceCheck(): CheckEvidence {
  const keys = createRecent<OpenedKey>(KEYS)
  const open = (jwk: PublicJwk): OpenedKey => {
    const name = JSON.stringify(jwk)
    const known = keys.find(name)
    if (known !== undefined) return known
    const opened = openKey(jwk)
    keys.keep(name, opened)
    return opened
  }
  return ({ record, private: values }) => {
    if (record.type !== 'decision' || !SIGNED_GRADES.has(record.evidence.grade)) return 'unsigned'
    if (!Object.hasOwn(record.commitments, 'signed')) return 'false'
    const { signed } = values
    if (signed === undefined) return 'erased'
    try {
      return judge(record, signed.value, open)
    } catch {
      // A key or a proof that cannot be read proves nothing.
      return 'false'
    }
  }
}

interface OpenedKey {
  readonly publicKey: KeyObject
  readonly keyType: string
  readonly thumbprint: string
}

function openKey(jwk: PublicJwk): OpenedKey {
  const { publicKey, thumbprint } = importPublicKey({ ...jwk }, { allowTestKeys: true })
  return { publicKey, thumbprint, keyType: jwk.kty === 'RSA' ? 'RSA' : `${jwk.kty} ${jwk.crv}` }
}

function judge(record: DecisionRecord, text: string, open: (jwk: PublicJwk) => OpenedKey): EvidenceState {
  const { agent, evidence } = record
  const feed = text.indexOf('\n')
  const signature = decodeBase64url(text.slice(0, Math.max(feed, 0)))
  const signed = text.slice(feed + 1)
  if (feed < 1 || signature === undefined || evidence.publicKey === undefined) return 'false'
  const key = open(evidence.publicKey)
  if (agent?.thumbprint !== undefined && agent.thumbprint !== key.thumbprint) return 'false'
  if (!isOfThisRequest(record, signed)) return 'false'
  if (evidence.grade === 'signature+token' || evidence.grade === 'signature+content') {
    return evidence.masked === undefined || evidence.masked.length === 0 ? 'false' : 'incomplete'
  }
  if (evidence.masked !== undefined) return 'false'
  const data = Buffer.from(signed, 'latin1')
  return verifiesBy({ ...key, algorithm: evidence.algorithm, data, signature }) ? 'verified' : 'false'
}

/** Whether method and host of what was signed are those that the record tells, as far as they were signed. */
function isOfThisRequest({ action, evidence, resource }: DecisionRecord, signed: string): boolean {
  const { method, authority } = signedRequest(evidence.grade, signed)
  if (method !== undefined && bounded(method, MAX_TEXT.method) !== action.method) return false
  return authority === undefined || plainAuthority(authority) === plainAuthority(resource.authority)
}

interface SignedRequest {
  readonly method?: string | undefined
  readonly authority?: string | undefined
}

function signedRequest(grade: string, signed: string): SignedRequest {
  if (grade === 'possession') return claimedRequest(signed)
  if (!signed.startsWith(SIMPLE_V1)) {
    return { method: lineOf(signed, '"@method": '), authority: lineOf(signed, '"@authority": ') }
  }
  const [, method, authority] = signed.split('\n', 3)
  return { method, authority }
}

/** The `htm` of a DPoP proof (RFC 9449 section 4.2). */
function claimedRequest(signed: string): SignedRequest {
  const [, payload = ''] = signed.split('.')
  const { htm }: Readonly<Record<string, unknown>> = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()) }
  return { method: typeof htm === 'string' ? htm : '' }
}

const SIMPLE_V1 = 'AGENT-AUTH-V1\n'

function lineOf(base: string, start: string): string | undefined {
  const at = base.startsWith(start) ? 0 : base.indexOf(`\n${start}`) + 1
  if (at === 0 && !base.startsWith(start)) return undefined
  const end = base.indexOf('\n', at)
  return base.slice(at + start.length, end < 0 ? undefined : end)
}

/** As a signature base has it (RFC 9421 section 2.2.3). */
function plainAuthority(authority: string): string {
  return authority.toLowerCase().replace(/:(?:80|443)$/, '')
}
