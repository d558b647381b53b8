import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'
import { importPublicKey } from '@countermark/core'
import { createRecent, decodeBase64url, type PublicJwk } from '@countermark/core/internal'
import type { DecisionRecord } from '../record/audit-record.ts'
import { bounded, MAX_TEXT } from '../record/bounded-text.ts'
import { isCommitted, type SealedMembers } from '../record/chain.ts'
import { commitmentsOf, hashInPlace, isPruned, type PlacedMembers } from '../record/read-trail.ts'

/** What is wrong with a trail, in one word. */
export type FindingKind =
  | 'altered'
  | 'missing'
  | 'misplaced'
  | 'truncated'
  | 'malformed'
  /** Nothing to verify, where something was expected. */
  | 'empty'
  /** Checkpoints that are not signed with a trusted key, contradict each other, or are not there. */
  | 'checkpoint'
  /** Records that no checkpoint vouches for, where that was asked for. */
  | 'unanchored'

/** Something that would not be there if the trail were as it was written. */
export interface Finding {
  /** What is wrong, as a closed word. */
  readonly kind: FindingKind
  /** What is wrong, for people. */
  readonly message: string
}

/** `1 finding`, `3 findings`. */
export function countFindings(count: number): string {
  return count === 1 ? '1 finding' : `${count} findings`
}

/** A record that is not as it was written. `what` continues the sentence about it. */
export function altered({ chain, seq }: { readonly chain: string; readonly seq: number }, what: string): Finding {
  return { kind: 'altered', message: `record ${seq} of chain ${chain} ${what}` }
}

/** What is wrong with a record by itself: with its hash, or with an erasable value that was committed to. */
export function checkRecord(placed: PlacedMembers): readonly Finding[] {
  const isRight = hashInPlace(placed) === placed.hash
  const findings = isRight ? [] : [altered(placed, 'does not have the hash that it states')]
  return isPruned(placed) ? findings : [...findings, ...checkValues(placed)]
}

function checkValues(sealed: SealedMembers): readonly Finding[] {
  const commitments = commitmentsOf(sealed.record)
  return Object.entries(sealed.private)
    .filter(([name, value]) => !(Object.hasOwn(commitments, name) && isCommitted(value, commitments[name])))
    .map(([name]) => altered(sealed, `has another ${name} than it committed to`))
}

/** A guard checks what it records, so a record whose evidence does not verify was not written by one. */
export function checkProof(sealed: SealedMembers, state: EvidenceState): readonly Finding[] {
  return state === 'false' ? [altered(sealed, 'has evidence that does not verify')] : []
}

/** Names of values that were committed to and are gone. */
export function erasedNames(sealed: SealedMembers): readonly string[] {
  return Object.keys(commitmentsOf(sealed.record)).filter((name) => !Object.hasOwn(sealed.private, name))
}

/**
 * What evidence is worth. `verified`: the signature verifies. `incomplete`: it can be verified with a credential or content
 * that is not here. `erased`: what was signed is gone. `unsigned`: the record claims no signature. `false`: it does not
 * verify, or is one of another request.
 */
export type EvidenceState = 'verified' | 'incomplete' | 'erased' | 'unsigned' | 'false'

interface AlgorithmRow {
  /** `kty`, and `crv` where there is one. */
  readonly keyType: string
  readonly digest: string | null
  readonly withKey?: Omit<VerifyKeyObjectInput, 'key'>
}

const pss = (digest: string, saltLength: number): AlgorithmRow => {
  return { keyType: 'RSA', digest, withKey: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } }
}
const pkcs1 = (digest: string): AlgorithmRow => {
  return { keyType: 'RSA', digest, withKey: { padding: constants.RSA_PKCS1_PADDING } }
}
const ecdsa = (curve: string, digest: string): AlgorithmRow => {
  return { keyType: `EC ${curve}`, digest, withKey: { dsaEncoding: 'ieee-p1363' } }
}
const EDDSA: AlgorithmRow = { keyType: 'OKP Ed25519', digest: null }

/** By the names of RFC 9421 section 6.2.2, and by those of JOSE (RFC 7518, 8037, 9864), as a record may have them. */
const ALGORITHMS: ReadonlyMap<string | undefined, AlgorithmRow> = new Map([
  ['ed25519', EDDSA],
  ['EdDSA', EDDSA],
  ['Ed25519', EDDSA],
  ['ecdsa-p256-sha256', ecdsa('P-256', 'sha256')],
  ['ES256', ecdsa('P-256', 'sha256')],
  ['ecdsa-p384-sha384', ecdsa('P-384', 'sha384')],
  ['ES384', ecdsa('P-384', 'sha384')],
  ['rsa-pss-sha512', pss('sha512', 64)],
  ['PS256', pss('sha256', 32)],
  ['PS384', pss('sha384', 48)],
  ['PS512', pss('sha512', 64)],
  ['rsa-v1_5-sha256', pkcs1('sha256')],
  ['RS256', pkcs1('sha256')],
  ['RS384', pkcs1('sha384')],
  ['RS512', pkcs1('sha512')],
])

const SIGNED_GRADES: ReadonlySet<string> = new Set(['signature', 'signature+token', 'signature+content', 'possession'])

interface OpenedKey {
  readonly publicKey: KeyObject
  /** `kty`, and `crv` where there is one. */
  readonly keyType: string
  readonly thumbprint: string
}

/** Prepares the check of evidence, one record at a time; each key is read once. */
export function createEvidenceCheck(): (sealed: SealedMembers) => EvidenceState {
  const keys = createRecent<OpenedKey>({ maxEntries: 1000, maxCharacters: 2_000_000 })
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
      return checkSigned(record, signed.value, open)
    } catch {
      // A key or a proof that cannot be read proves nothing.
      return 'false'
    }
  }
}

function openKey(jwk: PublicJwk): OpenedKey {
  const { publicKey, thumbprint } = importPublicKey({ ...jwk }, { allowTestKeys: true })
  return { publicKey, thumbprint, keyType: jwk.kty === 'RSA' ? 'RSA' : `${jwk.kty} ${jwk.crv}` }
}

function checkSigned(record: DecisionRecord, text: string, open: (jwk: PublicJwk) => OpenedKey): EvidenceState {
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
  const row = ALGORITHMS.get(evidence.algorithm)
  if (evidence.masked !== undefined || row === undefined || row.keyType !== key.keyType) return 'false'
  const data = Buffer.from(signed, 'latin1')
  return verify(row.digest, data, { key: key.publicKey, ...row.withKey }, signature) ? 'verified' : 'false'
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

const SIMPLE_V1 = 'AGENT-AUTH-V1\n'

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
