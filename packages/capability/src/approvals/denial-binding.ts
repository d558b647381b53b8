import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isAgentId, isJsonObject, parseStrictJson } from '@countermark/core/internal'
import { tryParseMoney } from '../constraints/amounts.ts'
import type { ApprovalRequest } from './approval-digest.ts'
import type { RefusedRequest } from './approval-rules.ts'
import type { ApprovedAmount } from './approval-ticket.ts'

/** What a service says of a request that it refused. */
export interface BoundDenial {
  /** The name under which the service's process is known to the approver. */
  readonly door: string
  /** Whose request it was. */
  readonly agentId: string
  /** For whom the agent acts; `undefined` for itself. */
  readonly subject: ApprovalRequest['subject']
  /** Who the service is to the approver. */
  readonly audience: string
  /** Of the request: see `approvalDigest`. */
  readonly digest: string
  /** The template of the route. */
  readonly route: string | undefined
  /** What the request moves, as the route reads it. */
  readonly amount: ApprovedAmount | undefined
}

/** Between whom a denial is bound. */
export interface DenialBinding {
  /** The secret that service and approver share. */
  readonly secret: string
  /** The approver: `aud` of what is bound. */
  readonly approver: string
}

const HEADER = encode({ alg: 'HS256', typ: 'denial-binding+jwt' })
const MAX_LENGTH = 4096

/**
 * Binds a denial to the request that was refused: a compact JWS (RFC 7515) of type `denial-binding+jwt`, under a key that is made of
 * the shared secret. The agent carries it to the approver.
 */
export function bindDenial(
  refused: RefusedRequest,
  { secret, approver, door }: DenialBinding & { readonly door: string },
): string {
  const { agentId, subject, audience, digest, route, amount, expiresAt } = refused
  const user = subject === undefined ? {} : { user: { iss: subject.issuer, sub: subject.id } }
  const claims = {
    ...{ iss: door, aud: approver, sub: agentId, exp: expiresAt, jti: randomBytes(12).toString('base64url') },
    ...{ service: audience, req: digest, ...user, ...(route === undefined ? {} : { route }) },
    ...(amount === undefined ? {} : { amount }),
  }
  const input = `${HEADER}.${encode(claims)}`
  return `${input}.${macOf(input, secret).toString('base64url')}`
}

/** Reads what a service bound, under one of these secrets; `undefined` when it does not hold, or not any more. */
export function tryReadDenial(
  text: string,
  {
    secrets,
    approver,
    nowMs,
  }: { readonly secrets: readonly string[]; readonly approver: string; readonly nowMs: number },
): BoundDenial | undefined {
  const [header, claims = '', mac = '', ...more] = text.length > MAX_LENGTH ? [] : text.split('.')
  if (header !== HEADER || more.length > 0) return undefined
  const presented = Buffer.from(mac, 'base64url')
  const isBound = secrets.filter((secret) => isEqual(macOf(`${header}.${claims}`, secret), presented)).length > 0
  return isBound ? readClaims(claims, approver, nowMs) : undefined
}

function readClaims(text: string, approver: string, nowMs: number): BoundDenial | undefined {
  const claims: unknown = parseStrictJson(Buffer.from(text, 'base64url'))
  if (!isJsonObject(claims)) return undefined
  const { iss: door, aud, sub: agentId, exp, service: audience, req: digest, user, route, amount } = claims
  if (aud !== approver || typeof exp !== 'number' || !(nowMs / 1000 < exp)) return undefined
  if (typeof door !== 'string' || typeof agentId !== 'string' || !isAgentId(agentId)) return undefined
  if (typeof audience !== 'string' || typeof digest !== 'string') return undefined
  return {
    ...{ door, agentId, audience, digest, subject: readUser(user) },
    route: typeof route === 'string' ? route : undefined,
    amount: tryParseMoney(amount),
  }
}

function readUser(user: unknown): BoundDenial['subject'] {
  if (!isJsonObject(user)) return undefined
  const { iss: issuer, sub: id } = user
  return typeof issuer === 'string' && typeof id === 'string' ? { issuer, id } : undefined
}

function macOf(input: string, secret: string): Buffer {
  const key = createHmac('sha256', secret).update('denial-binding').digest()
  return createHmac('sha256', key).update(input).digest()
}

function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
