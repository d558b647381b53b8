import { type KeyObject, sign } from 'node:crypto'
import { Misconfigured } from '@countermark/core'
import { decodeBase64url, isAgentId, isKeyId, parseStrictJson } from '@countermark/core/internal'
import { isCount, tryParseMoney } from '../constraints/amounts.ts'

/** What requests may come to together: whole minor units of a currency. */
export interface ApprovedAmount {
  /** Minor units, such as cents. */
  readonly value: number
  /** Such as `USD`. */
  readonly currency: string
}

/** A ticket: one human's consent to one request, or to several of one kind. */
export interface ApprovalTicket {
  /** The approver. */
  readonly issuer: string
  /** The service that takes it. */
  readonly audience: string
  /** The agent that may present it. */
  readonly agentId: string
  /** Of the request: see `approvalDigest`. With `amount` of the operation: see `operationDigest`. */
  readonly digest: string
  /** How many requests it lets through, 1 to 100. @default 1 */
  readonly uses?: number | undefined
  /** Makes it a standing approval: for requests with other contents, as long as their amounts fit in. @default none */
  readonly amount?: ApprovedAmount | undefined
  /** Names the ticket, which is claimed once. */
  readonly ticketId: string
  /** Unix seconds. */
  readonly issuedAt: number
  /** Unix seconds. */
  readonly expiresAt: number
}

/** A ticket as presented, its signature not yet verified. */
export interface PresentedTicket extends ApprovalTicket {
  readonly uses: number
  readonly keyId: string
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

const TYPE = 'approval-ticket+jwt'
const MAX_LENGTH = 4096
const TICKET_ID = /^[A-Za-z0-9._~-]{16,128}$/
const DIGEST = /^[A-Za-z0-9_-]{43}$/
const MAX_USES = 100

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
  const signed = ticketSigningInput(ticket, keyId)
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}

/** What is signed of a ticket (RFC 7515 section 5.1), for an Ed25519 key that is kept elsewhere. */
export function ticketSigningInput(ticket: ApprovalTicket, keyId: string): string {
  const { issuer, audience, agentId, digest, ticketId, issuedAt, expiresAt, uses = 1, amount } = ticket
  const header = { alg: 'Ed25519', typ: TYPE, kid: keyId }
  const claims = { iss: issuer, aud: audience, sub: agentId, iat: issuedAt, exp: expiresAt, jti: ticketId }
  const about = amount === undefined ? { req: digest } : { op: digest, amount }
  return `${encode(header)}.${encode({ ...claims, ...about, ...(uses === 1 ? {} : { uses }) })}`
}

/** Reads a ticket; `undefined` when it is not exactly of this form. */
export function tryParseTicket(text: string): PresentedTicket | undefined {
  const parts = text.length > MAX_LENGTH ? [] : text.split('.')
  const [header, claims] = parts.slice(0, 2).map(parseObject)
  const signature = decodeBase64url(parts[2] ?? '')
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) return undefined
  const { alg, typ, kid, ...moreHeader } = header
  const { iss, aud, sub, iat, exp, jti, req, op, uses = 1, amount, ...moreClaims } = claims
  // A member that is not understood here might take something back.
  if (Object.keys({ ...moreHeader, ...moreClaims }).length > 0 || alg !== 'Ed25519' || typ !== TYPE) return undefined
  if (!isText(kid, isKeyId) || !isText(sub, isAgentId) || !isText(iss) || !isText(aud)) return undefined
  if (!isText(jti, (id) => TICKET_ID.test(id)) || !isTime(iat) || !isTime(exp)) return undefined
  const about = readAbout({ req, op, uses, amount })
  if (about === undefined) return undefined
  const signed = Buffer.from(text.slice(0, text.lastIndexOf('.')))
  const times = { issuedAt: iat, expiresAt: exp }
  return {
    issuer: iss,
    audience: aud,
    agentId: sub,
    ...about,
    ticketId: jti,
    ...times,
    keyId: kid,
    signed,
    signature,
  }
}

type About = Pick<PresentedTicket, 'digest' | 'uses' | 'amount'>

/** One request, or the operation within an amount: never both, and never an operation without an amount. */
function readAbout(claims: Readonly<Record<'req' | 'op' | 'uses' | 'amount', unknown>>): About | undefined {
  const { req, op, uses, amount } = claims
  if (!isCount(uses) || uses < 1 || uses > MAX_USES) return undefined
  const digest = amount === undefined ? req : op
  if ((req === undefined) === (op === undefined) || !isText(digest, (text) => DIGEST.test(text))) return undefined
  if (amount === undefined) return { digest, uses }
  const most = tryParseMoney(amount)
  return most === undefined ? undefined : { digest, uses, amount: most }
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
