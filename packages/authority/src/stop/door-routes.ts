import type { ServerResponse } from 'node:http'
import { Refusal } from '@countermark/core'
import { z } from 'zod'
import { readBody, readQuery } from '../api/input.ts'
import type { ServeOptions } from '../api/serve.ts'
import { type Answer, type Call, headerOf, jsonAnswer, type Route } from '../http/call.ts'
import { REGISTRY_LOCK } from '../registry/registry-tables.ts'
import type { DoorCheck } from './door-check.ts'
import { type DoorEvent, findEdge, findLastSeq, listDoorEvents } from './door-events.ts'
import type { DoorFeed } from './door-feed.ts'
import { parsePictureCursor, readPicture } from './door-picture.ts'
import type { DoorStreams } from './door-streams.ts'
import { acknowledge } from './doors.ts'

/** What doors are served with. */
export interface DoorRouteOptions extends Pick<ServeOptions, 'stored' | 'clock'> {
  readonly feed: DoorFeed
  readonly streams: DoorStreams
  /** Lets doors in only, and tells others so. */
  readonly guarded: DoorCheck
}

const SEQ = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const ACKNOWLEDGEMENT = z.strictObject({ seq: SEQ })
const QUERY = z.strictObject({ after: z.coerce.number().pipe(SEQ).default(0) })
const CURSOR = z.strictObject({ cursor: z.string().max(300).default('suspended:') })
const DOOR = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/
const BATCH = 1000
const MOST_DOORS = 10_000
/** A door that does not read is let go: it comes back by itself and asks for what it has missed. */
const MAX_BUFFERED_BYTES = 1_048_576

/** What doors ask for: a stream of what is stopped, the same in pieces, and a place to say what they have taken over. */
export function doorRoutes(options: DoorRouteOptions): readonly Route[] {
  const { guarded } = options
  return [
    { method: 'GET', path: '/doors/{door}/events', handle: guarded((call, token) => stream(call, token, options)) },
    { method: 'GET', path: '/doors/{door}/changes', handle: guarded((call) => piece(call, options)) },
    { method: 'GET', path: '/doors/{door}/picture', handle: guarded((call) => picture(call, options)) },
    { method: 'PUT', path: '/doors/{door}', handle: guarded((call) => take(call, options)) },
  ]
}

async function piece(call: Call, { stored }: DoorRouteOptions): Promise<Answer> {
  doorOf(call)
  const { after } = readQuery(call, QUERY) as z.output<typeof QUERY>
  // The number first: what is committed in between is in the lines, or in the next piece.
  const seq = await findLastSeq(stored.reads)
  const events = await listDoorEvents(stored.reads, after, BATCH)
  // The edge last: lines that were deleted before they could be read are behind it.
  const edge = await findEdge(stored.reads)
  // Behind the edge lines are missing; in front of the last one, the database was set back.
  if (after < edge || after > seq) return jsonAnswer(200, { seq: edge, events: [], more: true, picture: true })
  const last = events.at(-1)?.seq ?? seq
  return jsonAnswer(200, { seq: last, events, more: events.length === BATCH })
}

async function picture(call: Call, { stored }: DoorRouteOptions): Promise<Answer> {
  doorOf(call)
  const { cursor } = readQuery(call, CURSOR) as z.output<typeof CURSOR>
  const place = parsePictureCursor(cursor)
  if (place === undefined) throw new Refusal('cursor_invalid', 'pass the cursor as next gave it')
  return jsonAnswer(200, await readPicture(stored.reads, place, BATCH))
}

async function take(call: Call, { stored, clock }: DoorRouteOptions): Promise<Answer> {
  const door = doorOf(call)
  const { seq } = readBody(call, ACKNOWLEDGEMENT) as z.output<typeof ACKNOWLEDGEMENT>
  const nowMs = clock.wallMs()
  return stored.transaction(REGISTRY_LOCK, async (tables) => {
    const last = await findLastSeq(tables)
    if (seq > last) throw new Refusal('state_conflict', `there are ${last} lines; start again behind the last one`)
    const known = await tables
      .selectFrom('doors')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirst()
    if (Number(known?.count ?? 0) > MOST_DOORS) throw new Refusal('state_conflict', 'there are too many doors')
    await acknowledge(tables, { door, seq }, nowMs)
    return jsonAnswer(200, { seq: last })
  })
}

/** Server-sent events (HTML standard section 9.2): each line by its number, and a sign of life each second. */
async function stream(call: Call, token: number, { feed, streams }: DoorRouteOptions): Promise<Answer> {
  doorOf(call)
  const { after } = readQuery(call, QUERY) as z.output<typeof QUERY>
  const close = streams.open(token)
  const { response, message } = call
  const begun = { status: 200, headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }, body: '' }
  response.writeHead(begun.status, { ...begun.headers, 'X-Accel-Buffering': 'no' })
  response.flushHeaders()
  message.socket.setNoDelay(true)
  await new Promise<void>((resolve) => {
    const unfollow = feed.follow(lastEventOf(call) ?? after, {
      take: (lines) => write(response, lines.map(toText).join('')),
      beat: (seq) => write(response, `event: alive\ndata: ${JSON.stringify({ seq })}\n\n`),
      end: () => response.end(),
    })
    response.once('close', () => {
      unfollow()
      close()
      resolve()
    })
  })
  return begun
}

function write(response: ServerResponse, text: string): void {
  if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy()
  else response.write(text)
}

function toText(line: DoorEvent): string {
  return `id: ${line.seq}\ndata: ${JSON.stringify(line)}\n\n`
}

function lastEventOf(call: Call): number | undefined {
  const seq = Number(headerOf(call, 'last-event-id') ?? Number.NaN)
  return Number.isSafeInteger(seq) && seq >= 0 ? seq : undefined
}

function doorOf({ params }: Call): string {
  const { door = '' } = params
  if (DOOR.test(door)) return door
  throw new Refusal('input_invalid', 'a door is named by 1 to 128 of A-Z a-z 0-9 . _ : -')
}
