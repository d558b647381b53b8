import { hash, timingSafeEqual } from 'node:crypto'
import { type Clock, Refusal } from '@countermark/core'
import { z } from 'zod'
import { readBody } from '../api/input.ts'
import { type Answer, type Call, headerOf, jsonAnswer, type Route } from '../http/call.ts'
import type { StoredTables } from '../storage/store.ts'
import type { EventTables, ReceiverRow } from './event-tables.ts'
import type { LossWatch } from './loss-watch.ts'
import { findWaiting, type NoticeRules, type Waiting } from './notices.ts'
import { TRANSMITTED } from './security-event.ts'

/** What streams are served with. */
export interface StreamRouteOptions extends NoticeRules {
  readonly stored: StoredTables<EventTables>
  readonly clock: Clock
  readonly watchLoss: LossWatch
}

const POLL = z.strictObject({
  ack: z.array(z.string().max(512)).max(1000).default([]),
  setErrs: z.record(z.string().max(512), z.unknown()).default({}),
  maxEvents: z.int().min(0).max(100).default(100),
  returnImmediately: z.boolean().default(true),
})

/** Where receivers find the transmitter (OpenID SSF 1.0 section 7.1), and fetch their events (RFC 8936). */
export function streamRoutes(options: StreamRouteOptions): readonly Route[] {
  const { issuer } = options
  const metadata = {
    ...{ spec_version: '1_0', issuer, jwks_uri: `${issuer}/approval-keys` },
    delivery_methods_supported: ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936'],
    configuration_endpoint: `${issuer}/ssf/streams`,
    events_supported: TRANSMITTED,
  }
  return [
    { method: 'GET', path: '/.well-known/ssf-configuration', handle: async () => jsonAnswer(200, metadata) },
    { method: 'POST', path: '/ssf/streams/{receiver}/poll', handle: (call) => poll(call, options) },
  ]
}

/** Gives what is waiting, again and again until it is acknowledged; `returnImmediately: false` is answered at once as well. */
async function poll(call: Call, options: StreamRouteOptions): Promise<Answer> {
  const receiver = await requireReceiver(call, options)
  const { ack, setErrs, maxEvents } = readBody(call, POLL) as z.output<typeof POLL>
  const nowMs = options.clock.wallMs()
  const settled = new Set([...ack, ...Object.keys(setErrs)])
  const current = settled.size === 0 ? receiver : await acknowledge(receiver, settled, options)
  const { notices, isAll } = await findNext(current, options, nowMs)
  const some = notices.slice(0, maxEvents)
  const sets = Object.fromEntries(some.map(({ id, content }) => [id, content]))
  return jsonAnswer(200, { sets, moreAvailable: notices.length > some.length || !isAll })
}

/** How many pieces without anything for the receiver one poll passes over. */
const MOST_PASSED = 20

/** Lines that are not the receiver's are never acknowledged: they are passed over, or what lies behind them is never found. */
async function findNext(receiver: ReceiverRow, options: StreamRouteOptions, nowMs: number): Promise<Waiting> {
  let current = receiver
  for (let passed = 0; ; passed += 1) {
    const waiting = await findWaiting(current, options, nowMs)
    options.watchLoss(current, waiting)
    if (waiting.notices.length > 0 || waiting.seen === current.cursor || passed === MOST_PASSED) return waiting
    current = await moveTo(current, { cursor: waiting.seen }, options)
  }
}

/** What is acknowledged out of order comes again, until everything before it is. */
async function acknowledge(
  receiver: ReceiverRow,
  settled: ReadonlySet<string>,
  options: StreamRouteOptions,
): Promise<ReceiverRow> {
  const { notices, seen } = await findWaiting(receiver, options, options.clock.wallMs())
  const first = notices.findIndex(({ id }) => !settled.has(id))
  const cursor = first < 0 ? seen : (notices[first - 1]?.seq ?? receiver.cursor)
  const isVerified = notices.some(({ id, seq }) => seq === receiver.cursor && settled.has(id))
  const verification = isVerified ? null : receiver.verification
  return moveTo(receiver, { cursor, verification }, options)
}

async function moveTo(
  receiver: ReceiverRow,
  to: Pick<ReceiverRow, 'cursor'> & Partial<Pick<ReceiverRow, 'verification'>>,
  { stored }: StreamRouteOptions,
): Promise<ReceiverRow> {
  await stored.transaction(`event-receiver:${receiver.id}`, (tables) => {
    const all = tables.updateTable('event_receivers').set(to).where('id', '=', receiver.id)
    return all.where('cursor', '<=', to.cursor).execute()
  })
  return { ...receiver, ...to }
}

async function requireReceiver(call: Call, { reads }: StreamRouteOptions): Promise<ReceiverRow> {
  const { receiver: id = '' } = call.params
  const row = await reads.selectFrom('event_receivers').selectAll().where('id', '=', id).executeTakeFirst()
  const token = /^Bearer (.+)$/i.exec(headerOf(call, 'authorization') ?? '')?.[1] ?? ''
  const given = Buffer.from(hash('sha256', token, 'base64url'))
  // An unknown stream is compared as well: nobody learns which ones there are.
  const known = Buffer.from(row?.token_hash ?? hash('sha256', `${token} unknown`, 'base64url'))
  if (row !== undefined && timingSafeEqual(given, known)) return row
  throw new Refusal('credentials_missing', 'send the token of the stream as Authorization: Bearer')
}
