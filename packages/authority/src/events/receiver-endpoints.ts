import { hash, randomBytes } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { type Fetcher, isOutboundError } from '@countermark/outbound'
import type { Transaction } from 'kysely'
import { z } from 'zod'
import { type ActResult, act, type Endpoint, param, type Request, read, requireEverywhere } from '../api/endpoint.ts'
import { listOf, slug } from '../api/schemas.ts'
import type { RegistryReads, RegistryTransaction } from '../registry/registry-tables.ts'
import { requireTenant } from '../registry/tenants.ts'
import type { SealAtRest } from '../signing-keys/sealed-key.ts'
import { findLastSeq } from '../stop/door-events.ts'
import type { EventTables, ReceiverRow } from './event-tables.ts'
import { findLastAct } from './outbox.ts'
import { TRANSMITTED } from './security-event.ts'

/** What receivers are made with. */
export interface ReceiverEndpointOptions {
  readonly seal: SealAtRest
  readonly fetcher: Pick<Fetcher, 'checkUrl'>
  /** Who transmits: `iss` of security event tokens. */
  readonly issuer: string
}

/** Each tenant has its own share, and what is told of every tenant another: none of them takes the others' room. */
const MOST = 100
const PUSH = 'urn:ietf:rfc:8935'
const POLL = 'urn:ietf:rfc:8936'
const address = z.string().max(1024)
const RECEIVER = z.object({
  ...{ id: z.string(), kind: z.string(), tenant: z.string().optional(), url: z.string().optional() },
  ...{ events: z.array(z.string()).optional(), behind: z.number(), failures: z.number(), createdAt: z.number() },
})
const WEBHOOK = z.strictObject({
  ...{ tenant: slug.optional(), url: address },
  events: z
    .array(z.string().regex(/^[a-z_]{1,64}$/))
    .min(1)
    .max(64)
    .optional(),
})
const STREAM = z.strictObject({
  aud: z.string().min(1).max(512),
  events_requested: z
    .array(z.enum(TRANSMITTED as [string, ...string[]]))
    .min(1)
    .optional(),
  delivery: z.discriminatedUnion('method', [
    z.strictObject({
      method: z.literal(PUSH),
      endpoint_url: address,
      authorization_header: z
        .string()
        .regex(/^[\x20-\x7e]{1,1024}$/)
        .optional(),
    }),
    z.strictObject({ method: z.literal(POLL) }),
  ]),
})

/** Who is told of acts by webhooks, and of what ends by security event tokens. */
export function receiverEndpoints(options: ReceiverEndpointOptions): readonly Endpoint[] {
  return [
    act({
      ...{ method: 'POST', path: '/webhooks', operation: 'createWebhook' },
      summary: 'Tell a receiver of acts, signed as Standard Webhooks has it; the secret is told once',
      allows: ['admin'],
      ...{ status: 201, body: WEBHOOK, answer: RECEIVER.extend({ secret: z.string() }) },
      act: async (tables, request) => {
        const { body, nowMs } = request
        if (body.tenant === undefined) requireEverywhere(request)
        else await requireTenant(tables, body.tenant)
        requireAddress(body.url, '/url', options)
        const secret = `whsec_${randomBytes(32).toString('base64')}`
        const cursor = await findLastAct(withEvents(tables))
        const { url, events, tenant } = body
        const row = newRow('webhook', { url, events, tenant, secret, cursor, nowMs }, options)
        return created(tables, row, { secret })
      },
    }),
    act({
      ...{ method: 'POST', path: '/ssf/streams', operation: 'createStream' },
      summary: 'Transmit security events (OpenID SSF, CAEP) by push or poll; the token of a poll is told once',
      allows: ['admin'],
      ...{ status: 201, body: STREAM, answer: RECEIVER.extend({ delivery: z.unknown() }) },
      act: async (tables, request) => {
        requireEverywhere(request)
        const { body, nowMs } = request
        const { delivery, events_requested: events, aud: audience } = body
        const cursor = await findLastSeq(tables)
        if (delivery.method === PUSH) {
          requireAddress(delivery.endpoint_url, '/delivery/endpoint_url', options)
          const { endpoint_url: url, authorization_header: secret } = delivery
          const row = newRow('ssf-push', { url, events, secret, audience, cursor, nowMs }, options)
          return created(tables, row, { delivery: { method: PUSH, endpoint_url: url } })
        }
        const token = randomBytes(32).toString('base64url')
        const row = newRow('ssf-poll', { events, audience, cursor, nowMs, token }, options)
        const url = `${options.issuer}/ssf/streams/${row.id}/poll`
        return created(tables, row, {
          delivery: { method: POLL, endpoint_url: url, authorization_header: `Bearer ${token}` },
        })
      },
    }),
    act({
      ...{ method: 'POST', path: '/ssf/streams/{receiver}/verification', operation: 'verifyStream' },
      summary: 'Send a verification event (OpenID SSF 1.0 section 8.1.4)',
      allows: ['admin'],
      ...{ body: z.strictObject({ state: z.string().min(1).max(256) }), answer: RECEIVER },
      act: async (tables, request) => {
        requireEverywhere(request)
        const row = await findReceiver(tables, request)
        const change = { verification: request.body.state, next_at: 0 }
        await withEvents(tables).updateTable('event_receivers').set(change).where('id', '=', row.id).execute()
        return { value: view(row, row.cursor), event: 'stream_verified', details: { receiver: row.id } }
      },
    }),
    read({
      ...{ path: '/event-receivers', operation: 'listReceivers', summary: 'Who is told of events, and how far behind' },
      allows: ['admin', 'operator', 'auditor'],
      answer: listOf(RECEIVER),
      read: async (tables) => {
        const rows = await withEvents(tables).selectFrom('event_receivers').selectAll().orderBy('id').execute()
        const last = { webhook: await findLastAct(withEvents(tables)), stream: await findLastSeq(tables) }
        return { value: { items: rows.map((row) => view(row, row.kind === 'webhook' ? last.webhook : last.stream)) } }
      },
    }),
    act({
      ...{ method: 'DELETE', path: '/event-receivers/{receiver}', operation: 'removeReceiver' },
      summary: 'Tell a receiver nothing more',
      allows: ['admin'],
      answer: RECEIVER,
      act: async (tables, request) => {
        const row = await findReceiver(tables, request)
        if (!isAdminOf(request, row)) throw unknownReceiver()
        await withEvents(tables).deleteFrom('event_receivers').where('id', '=', row.id).execute()
        return { value: view(row, row.cursor), event: 'receiver_removed', details: describe(row) }
      },
    }),
  ]
}

/** The same database holds both. */
function withEvents(tables: RegistryReads): Transaction<EventTables> {
  return tables as unknown as Transaction<EventTables>
}

interface NewReceiver {
  readonly url?: string
  readonly tenant?: string | undefined
  readonly events?: readonly string[] | undefined
  readonly secret?: string | undefined
  readonly token?: string
  readonly audience?: string
  readonly cursor: number
  readonly nowMs: number
}

function newRow(kind: ReceiverRow['kind'], given: NewReceiver, { seal }: ReceiverEndpointOptions): ReceiverRow {
  const { url = null, tenant = null, events, secret, token, audience = null, cursor, nowMs } = given
  const id = `rcv_${randomBytes(9).toString('hex')}`
  return {
    ...{ id, kind, url, tenant, audience, cursor, created_at: nowMs },
    secret: secret === undefined ? null : seal.seal(`event-receiver ${id}`, Buffer.from(secret)),
    token_hash: token === undefined ? null : hash('sha256', token, 'base64url'),
    events: events === undefined ? null : JSON.stringify(events),
    ...{ verification: null, failures: 0, next_at: 0, leased_until: 0 },
  }
}

async function created(
  tables: RegistryTransaction,
  row: ReceiverRow,
  told: Readonly<Record<string, unknown>>,
): Promise<ActResult> {
  const events = withEvents(tables)
  const known = await events.selectFrom('event_receivers').select(['id', 'tenant']).execute()
  if (known.filter(({ tenant }) => tenant === row.tenant).length >= MOST)
    throw new Refusal('state_conflict', `at most ${MOST} receivers are told of events of one tenant, or of all`)
  await events.insertInto('event_receivers').values(row).execute()
  return { value: { ...view(row, row.cursor), ...told }, event: 'receiver_added', details: describe(row) }
}

function describe({ id, kind, tenant, url }: ReceiverRow): ActResult['details'] {
  const details = { receiver: id, kind, url, tenant }
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== null))
}

async function findReceiver(
  tables: RegistryReads,
  request: Pick<Request<unknown, unknown>, 'params'>,
): Promise<ReceiverRow> {
  const query = withEvents(tables).selectFrom('event_receivers').selectAll()
  const row = await query.where('id', '=', param(request, 'receiver')).executeTakeFirst()
  if (row === undefined) throw unknownReceiver()
  return row
}

function unknownReceiver(): Refusal {
  return new Refusal('not_found', 'no receiver has this id')
}

function isAdminOf({ standing }: Pick<Request<unknown, unknown>, 'standing'>, { tenant }: ReceiverRow): boolean {
  return tenant !== null || standing.everywhere.includes('admin')
}

/** An address that nothing would ever be posted to is refused now. @throws Refusal `input_invalid` */
function requireAddress(url: string, pointer: string, { fetcher }: ReceiverEndpointOptions): void {
  try {
    fetcher.checkUrl(url)
  } catch (error) {
    if (!isOutboundError(error)) throw error
    const errors = [{ pointer, message: error.message }]
    throw new Refusal('input_invalid', 'nothing is posted to this address', { members: { errors } })
  }
}

function view(row: ReceiverRow, last: number): z.output<typeof RECEIVER> {
  const { id, kind, tenant, url, events, cursor, failures, created_at: createdAt } = row
  return {
    ...{ id, kind, failures, createdAt, behind: Math.max(0, last - cursor) },
    ...{ tenant: tenant ?? undefined, url: url ?? undefined },
    events: events === null ? undefined : JSON.parse(events),
  }
}
