import { isAgentId } from '@countermark/core/internal'
import { z } from 'zod'
import { label, page, slug } from '../api/schemas.ts'
import type { Caller } from '../callers/caller.ts'
import type { ApprovalRow } from './approval-tables.ts'

const HOUR_SECONDS = 3600
const DAY_SECONDS = 86_400
const MOST_USES = 100

const text = z.string().min(1).max(2048)
const money: z.ZodType<Money> = z.strictObject({
  value: z.int().min(0),
  currency: z.string().regex(/^[A-Z][A-Z0-9]{2,11}$/, 'expected a currency, such as USD'),
})

/** Whole minor units of a currency. */
export interface Money {
  readonly value: number
  readonly currency: string
}

/** The request as it was sent. */
export interface AskedRequest {
  readonly method: string
  readonly url: string
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  /** As transferred, in base64. */
  readonly body: string
}

const request: z.ZodType<AskedRequest> = z.strictObject({
  method: z.string().regex(/^[A-Z]{1,16}$/, 'expected a method, such as POST'),
  url: z.url({ protocol: /^https?$/ }).max(2048),
  contentType: z.string().min(1).max(256).optional(),
  contentEncoding: z.string().min(1).max(64).optional(),
  body: z.base64().max(22_000).default(''),
})
const subject = z.strictObject({ issuer: text, id: text })
const waitSeconds = z.int().min(30).max(DAY_SECONDS).default(HOUR_SECONDS)

/** The request that needs a human, as its agent brings it. */
export interface AskedByAgent {
  readonly request: AskedRequest
  readonly subject?: Subject | undefined
  /** What the refusal called `access_request.binding_token`: it says for whom, at which service, and that it was refused. */
  readonly bindingToken?: string | undefined
  /** The service; needed without `bindingToken`. */
  readonly audience?: string | undefined
  /** What the refusal called `approval_digest`: a request that is not the refused one is told apart at once. */
  readonly digest?: string | undefined
  readonly waitSeconds: number
}

/** A user, and the issuer that names the user. */
export interface Subject {
  readonly issuer: string
  readonly id: string
}

/** What an agent sends. */
export const ASKED: z.ZodType<AskedByAgent> = z.strictObject({
  request,
  subject: subject.optional(),
  bindingToken: z.string().max(4096).optional(),
  audience: text.optional(),
  digest: z.string().length(43).optional(),
  waitSeconds,
})

/** The same as a door leaves it. */
export interface AskedByDoor {
  readonly agent: string
  readonly request: AskedRequest
  readonly subject?: Subject | undefined
  readonly audience: string
  readonly digest: string
  readonly route?: string | undefined
  readonly amount?: Money | undefined
  readonly waitSeconds: number
}

/** What a door sends. */
export const FILED: z.ZodType<AskedByDoor> = z.strictObject({
  agent: z.string().max(128).refine(isAgentId, 'expected the id of an agent'),
  request,
  subject: subject.optional(),
  audience: text,
  digest: z.string().length(43),
  route: z.string().max(512).optional(),
  amount: money.optional(),
  waitSeconds,
})

/** What a person gives: how long, how often, and for a standing approval how much in all. */
export interface Approved {
  readonly seconds: number
  readonly uses: number
  readonly amount?: Money | undefined
}

/** What who approves sends. */
export const APPROVED: z.ZodType<Approved> = z.strictObject({
  seconds: z.int().min(30).max(DAY_SECONDS).default(HOUR_SECONDS),
  uses: z.int().min(1).max(MOST_USES).default(1),
  amount: money.optional(),
})
/** What who rejects sends. */
export const REJECTED: z.ZodType<{ readonly reason: string }> = z.strictObject({ reason: label })

const STATES = ['pending', 'approved', 'rejected'] as const

/** Which of them are listed. */
export const LIST: z.ZodType<{
  readonly tenant: string
  readonly state?: (typeof STATES)[number] | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}> = z.strictObject({ tenant: slug, state: z.enum(STATES).optional(), ...page })

/** How one is shown. */
export const APPROVAL: z.ZodType<unknown> = z.object({
  ...{ id: z.string(), tenant: z.string(), agent: z.string(), audience: z.string(), digest: z.string() },
  subject: subject.optional(),
  request: z.object({
    ...{ method: z.string(), url: z.string(), body: z.string() },
    ...{ contentType: z.string().optional(), contentEncoding: z.string().optional() },
  }),
  state: z.enum([...STATES, 'expired']),
  /** The door that refused it. */
  ...{ door: z.string().optional(), route: z.string().optional(), amount: money.optional() },
  ...{ askedAt: z.number(), expiresAt: z.number(), decidedBy: z.string().optional(), reason: z.string().optional() },
  /** What was given. */
  ...{ uses: z.number().optional(), most: money.optional() },
  /** For the agent alone. */
  ...{ ticket: z.string().optional(), ticketExpiresAt: z.number().optional() },
})

/** Shows one to a caller: the ticket to its agent alone. */
export function viewApproval(row: ApprovalRow, caller: Caller, nowMs: number): Readonly<Record<string, unknown>> {
  const { id, tenant, agent, audience, digest, issuer, subject: user, state } = row
  const isExpired = state === 'pending' && !(nowMs < row.expires_at)
  const isOwn = caller.kind === 'agent' && caller.id === agent
  const type = { contentType: row.content_type ?? undefined, contentEncoding: row.content_encoding ?? undefined }
  return {
    ...{ id, tenant, agent, audience, digest },
    subject: issuer === null || user === null ? undefined : { issuer, id: user },
    request: { method: row.method, url: row.url, ...type, body: row.body },
    ...{ door: row.door ?? undefined, route: row.route ?? undefined, amount: moneyOf(row.amount, row.currency) },
    ...{ state: isExpired ? 'expired' : state, askedAt: row.asked_at, expiresAt: row.expires_at },
    ...{ decidedBy: row.decided_by ?? undefined, reason: row.reason ?? undefined },
    ...{ uses: row.uses ?? undefined, most: moneyOf(row.most, row.currency) },
    ticket: isOwn ? (row.ticket ?? undefined) : undefined,
    ticketExpiresAt: row.ticket_expires_at ?? undefined,
  }
}

function moneyOf(value: number | null, currency: string | null): Money | undefined {
  return value === null || currency === null ? undefined : { value, currency }
}
