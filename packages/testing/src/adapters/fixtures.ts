import {
  type AgentFact,
  type AgentRequest,
  type Check,
  defineCheck,
  type HeaderField,
  type Level,
  type Observer,
  Refusal,
} from '@countermark/core'
import { isThenable, type Outcome } from '@countermark/core/internal'
import type { Tampering } from '../agent/request-to-sign.ts'
import type { AdapterExchange } from './adapter-under-test.ts'

/** Names the caller at a level, as a check for another kind of credential would. */
export function nameAs(level: Level, id = 'agt_named'): Check<object, { readonly agent: AgentFact }> {
  const agent: AgentFact = { id, level, scheme: 'httpsig', record: { id, state: 'active' } }
  return defineCheck({ name: `name_as_${level}`, needs: [], adds: ['agent'] }, () => ({ agent }))
}

/** Needs what an identity check adds, and remembers what it was given. */
export function noteAgents(seen: string[]): Check<{ readonly agent: AgentFact }, object> {
  return defineCheck({ name: 'note_agents', needs: ['agent'], adds: [] }, (_request, { agent }) => {
    seen.push(agent.id)
    return {}
  })
}

/** Takes note of requests as checks see them, and refuses none. */
export function noteRequests(seen: (request: AgentRequest) => void): Check<object, object> {
  return defineCheck({ name: 'note_requests', needs: [], adds: [] }, (request) => {
    seen(request)
    return {}
  })
}

/** Reads the body as a digest check does. */
export function readBody(seen: (bytes: Uint8Array, atOnce: boolean) => void): Check<object, object> {
  return defineCheck({ name: 'read_body', needs: [], adds: [] }, async (request) => {
    const body = request.body()
    seen(await body, !isThenable(body))
    return {}
  })
}

/** Finds no credentials of its own kind. */
export function missToken(): Check<object, object> {
  return defineCheck({ name: 'miss_token', needs: [], adds: [] }, () => {
    throw new Refusal('credentials_missing', 'a token is required')
  })
}

/** A check that waits until a test lets it go on. */
export interface Gate {
  readonly check: Check<object, object>
  readonly open: () => void
  readonly opened: Promise<void>
  /** Resolves when a request waits. */
  readonly reached: Promise<void>
}

/** Creates a closed gate. */
export function createGate(): Gate {
  const { promise: opened, resolve: open } = createDeferred()
  const { promise: reached, resolve: reach } = createDeferred()
  const check = defineCheck({ name: 'gate', needs: [], adds: [] }, async () => {
    reach()
    await opened
    return {}
  })
  return { check, open, opened, reached }
}

function createDeferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let settle = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: () => settle() }
}

/** An observer that hears how one request ended. */
export function watchOutcomes(): {
  readonly told: Promise<Outcome>
  readonly observer: Required<Pick<Observer, 'finished'>>
} {
  let tell = (_outcome: Outcome): void => undefined
  const told = new Promise<Outcome>((resolve) => {
    tell = resolve
  })
  return { told, observer: { finished: (_decision, outcome) => tell(outcome) } }
}

/** Sends further field lines behind those that were signed, and other content where it is given. */
export function sentWith(lines: readonly HeaderField[], body?: Uint8Array): Tampering {
  return { headerLines: (signed) => [...signed, ...lines], ...(body === undefined ? {} : { sent: { body } }) }
}

/** The field that announces chunks. */
export const CHUNKED: readonly HeaderField[] = [['Transfer-Encoding', 'chunked']]

/** Content in chunks (RFC 9112 section 7.1). */
export function chunked(...chunks: readonly string[]): Buffer {
  const framed = [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  return Buffer.from(framed.join(''), 'latin1')
}

/** Goes on when the whole request has come; what does not fit into the stream's buffer cannot come before it is read. */
export async function waitForAll({ message }: AdapterExchange): Promise<void> {
  while (!message.complete && message.readableLength < message.readableHighWaterMark) await nextTurn()
}

/** Goes on when the first bytes of the body have come. */
export async function waitForSome({ message }: AdapterExchange): Promise<void> {
  while (!message.complete && message.readableLength === 0) await nextTurn()
}

/** One turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
