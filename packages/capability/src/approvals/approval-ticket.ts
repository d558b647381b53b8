import { type KeyObject, sign } from 'node:crypto'
import { Misconfigured } from '@countermark/core'
import { decodeBase64url, isAgentId, isKeyId, parseStrictJson } from '@countermark/core/internal'

/** A ticket: one human's consent to one request. */
export interface ApprovalTicket {
  /** The approver. */
  readonly issuer: string
  /** The service that takes it. */
  readonly audience: string
  /** The agent that may present it. */
  readonly agentId: string
  /** Of the request: see `approvalDigest`. */
  readonly digest: string
  /** Names the ticket, which is claimed once. */
  readonly ticketId: string
  /** Unix seconds. */
  readonly issuedAt: number
  /** Unix seconds. */
  readonly expiresAt: number
}

/** A ticket as presented, its signature not yet verified. */
export interface PresentedTicket extends ApprovalTicket {
  readonly keyId: string
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

const TYPE = 'approval-ticket+jwt'
const MAX_LENGTH = 4096
const TICKET_ID = /^[A-Za-z0-9._~-]{16,128}$/
const DIGEST = /^[A-Za-z0-9_-]{43}$/

/**
 * Signs a ticket with the approver's Ed25519 key: a compact JWS of type `approval-ticket+jwt`.
 * @throws {@link Misconfigured} `ERR_KEY_MATERIAL`
 */
export function signApprovalTicket(
  ticket: ApprovalTicket,
  { key, keyId }: { readonly key: KeyObject; readonly keyId: string },
): string {
  if (key.type !== 'private' || key.asymmetricKeyType !== 'ed25519') {
    throw new Misconfigured('ERR_KEY_MATERIAL', 'tickets are signed with a private Ed25519 key')
  }
  const { issuer, audience, agentId, digest, ticketId, issuedAt, expiresAt } = ticket
  const header = { alg: 'Ed25519', typ: TYPE, kid: keyId }
  const claims = { iss: issuer, aud: audience, sub: agentId, iat: issuedAt, exp: expiresAt, jti: ticketId, req: digest }
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}

/** Reads a ticket; `undefined` when it is not exactly of this form. */
export function tryParseTicket(text: string): PresentedTicket | undefined {
  const parts = text.length > MAX_LENGTH ? [] : text.split('.')
  const [header, claims] = parts.slice(0, 2).map(parseObject)
  const signature = decodeBase64url(parts[2] ?? '')
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) return undefined
  const { alg, typ, kid, ...moreHeader } = header
  const { iss, aud, sub, iat, exp, jti, req, ...moreClaims } = claims
  // A member that is not understood here might take something back.
  if (Object.keys({ ...moreHeader, ...moreClaims }).length > 0 || alg !== 'Ed25519' || typ !== TYPE) return undefined
  if (!isText(kid, isKeyId) || !isText(sub, isAgentId) || !isText(iss) || !isText(aud)) return undefined
  if (!isText(jti, (id) => TICKET_ID.test(id)) || !isText(req, (digest) => DIGEST.test(digest))) return undefined
  if (!isTime(iat) || !isTime(exp)) return undefined
  const signed = Buffer.from(text.slice(0, text.lastIndexOf('.')))
  const times = { issuedAt: iat, expiresAt: exp }
  return {
    issuer: iss,
    audience: aud,
    agentId: sub,
    digest: req,
    ticketId: jti,
    ...times,
    keyId: kid,
    signed,
    signature,
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function parseObject(part: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decodeBase64url(part)
  if (bytes === undefined) return undefined
  try {
    const value = parseStrictJson(bytes)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isText(value: unknown, fits: (text: string) => boolean = (text) => text !== ''): value is string {
  return typeof value === 'string' && fits(value)
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
