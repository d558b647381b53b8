import { constants, createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'

// Nothing of ours is imported here: this is docs/protocol/audit-record.md, read by somebody else.

/** A line as an object. */
export interface Line {
  readonly chain: string
  readonly seq: number
  readonly previous: string
  readonly hash: string
  readonly record: Readonly<Record<string, unknown>>
  readonly private: Readonly<Record<string, { readonly salt: string; readonly value: string }>>
}

/** A signed checkpoint. */
export interface SignedCheckpoint {
  readonly chain: string
  readonly seq: number
  readonly hash: string
  readonly signature: string
}

/** A bundle of evidence. */
export interface Bundle {
  readonly sealed: Line
  readonly links: readonly string[]
  readonly checkpoint: SignedCheckpoint | null
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('base64url')

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members: Readonly<Record<string, unknown>> = { ...value }
  const names = Object.keys(members).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(members[name])}`).join(',')}}`
}

const link = (chain: string, seq: number, previous: string, content: string): string =>
  sha256(`${chain}\n${seq}\n${previous}\n${content}`)

/** What is wrong with the lines of a trail; empty when nothing is. */
export function problemsOf(lines: readonly string[]): readonly string[] {
  const ends = new Map<string, Line>()
  return lines.flatMap((text, index) => {
    const line: Line = JSON.parse(text)
    const before = ends.get(line.chain)
    ends.set(line.chain, line)
    return [...problemsOfLine(line, text), ...problemsOfPlace(line, before)].map(
      (problem) => `${index + 1}: ${problem}`,
    )
  })
}

function problemsOfLine(line: Line, text: string): readonly string[] {
  const escaped = canonical(line).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const commitments: Readonly<Record<string, unknown>> = { ...(line.record['commitments'] ?? {}) }
  const broken = Object.entries(line.private).filter(
    ([name, { salt, value }]) => !/^[\w-]{22}$/.test(salt) || commitments[name] !== sha256(`${salt}\n${value}`),
  )
  const own = link(line.chain, line.seq, line.previous, sha256(canonical(line.record)))
  return [
    ...(escaped === text ? [] : ['another spelling']),
    ...(own === line.hash ? [] : ['another hash']),
    ...broken.map(([name]) => `another ${name}`),
  ]
}

function problemsOfPlace(line: Line, before: Line | undefined): readonly string[] {
  const [seq, previous] = before === undefined ? [1, sha256(line.chain)] : [before.seq + 1, before.hash]
  return line.seq === seq && line.previous === previous ? [] : ['another place']
}

/** Whether a bundle's record stood in the chain that its checkpoint anchors. */
export function isAnchored({ sealed, links, checkpoint }: Bundle, key: KeyObject): boolean {
  if (checkpoint === null) return false
  const { signature, ...statement } = checkpoint
  const signed = Buffer.from(`countermark audit checkpoint\n${canonical(statement)}`, 'utf8')
  if (!verify(null, signed, key, Buffer.from(signature, 'base64url'))) return false
  let { seq, hash } = sealed
  for (const content of links) {
    seq += 1
    hash = link(sealed.chain, seq, hash, content)
  }
  return sealed.chain === checkpoint.chain && seq === checkpoint.seq && hash === checkpoint.hash
}

/** Whether the agent's signature holds. `restored` puts back what was replaced: values by component identifier. */
export function isSignedByAgent(line: Line, restored: Readonly<Record<string, string>> = {}): boolean {
  const evidence: Readonly<Record<string, unknown>> = { ...(line.record['evidence'] ?? {}) }
  const value = line.private['signed']?.value ?? ''
  const [signature = ''] = value.split('\n', 1)
  let text = value.slice(signature.length + 1)
  for (const [masked, original] of Object.entries(restored)) text = putBack(text, masked, original)
  const jwk: JsonWebKey = { ...(evidence['publicKey'] ?? {}) }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verifies(String(evidence['algorithm']), key, Buffer.from(text, 'latin1'), Buffer.from(signature, 'base64url'))
}

/** Compares the digest before it is replaced: a wrong credential is no credential. */
function putBack(text: string, masked: string, original: string): string {
  const digest = `sha-256=:${createHash('sha256').update(original, 'latin1').digest('base64')}:`
  if (!text.includes(digest)) throw new Error(`${masked} is not what was sent`)
  return text.replace(digest, () => original)
}

function verifies(algorithm: string, key: KeyObject, data: Buffer, signature: Buffer): boolean {
  switch (algorithm) {
    case 'ed25519':
    case 'EdDSA':
    case 'Ed25519':
      return verify(null, data, key, signature)
    case 'ecdsa-p256-sha256':
    case 'ES256':
      return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'rsa-pss-sha512': {
      const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }
      return verify('sha512', data, { key, ...padding }, signature)
    }
    default:
      throw new Error(`no algorithm ${algorithm}`)
  }
}
