import { request as send } from 'node:http'
import { type AuditTrail, auditTrail } from '@countermark/audit'
import { memoryReplayStore } from '@countermark/replay'
import { createFakeClock, createTestAgent, type FakeClock, keySourceOf, type TestAgent } from '@countermark/testing'
import { type Authority, type AuthorityOptions, createAuthority, type Store } from '../src/index.ts'

/** An authority with a clock that stands still, an administrator, and a trail that can be read and broken. */
export interface World {
  readonly authority: Authority
  readonly clock: FakeClock
  readonly admin: TestAgent
  /** Another administrator: some acts need two. */
  readonly second: TestAgent
  readonly trail: AuditTrail
  /** Names of the events that were recorded. */
  readonly events: () => readonly string[]
  /** Everything that was recorded, as text. */
  readonly recorded: () => string
  /** Lets the trail fail, or work again. */
  readonly breakTrail: (isBroken: boolean) => void
  readonly close: () => Promise<void>
}

/** 32 bytes. */
export const ENCRYPTION_KEYS = { v1: Buffer.alloc(32, 7).toString('base64') }
/** How callers sign it; requests are sent to wherever it listens. */
export const ORIGIN = 'http://authority.test'

/** Creates it over a store that the caller closes. */
export async function createWorld(
  store: Store,
  more: Partial<AuthorityOptions> = {},
  clock: FakeClock = createFakeClock(),
): Promise<World> {
  const admin = await createTestAgent({ agentId: 'agt_admin', clock })
  const second = await createTestAgent({ agentId: 'agt_second', clock })
  const lines: string[] = []
  let isBroken = false
  const append = async (records: readonly { readonly line: string }[]): Promise<void> => {
    if (isBroken) throw new Error('the disk is full')
    lines.push(...records.map(({ line }) => line))
  }
  const trail = auditTrail({ sinks: [{ name: 'memory', durable: true, append }], worker: false, deadlineMs: 200 })
  const authority = createAuthority({
    ...{ origins: [ORIGIN], storage: store, trail, clock, encryptionKeys: ENCRYPTION_KEYS },
    administrators: ['agent:agt_admin', 'agent:agt_second'],
    keys: keySourceOf(admin, second),
    replayStore: memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true }),
    ...{ sourceLimit: 'off', callsPerSecond: 100_000 },
    ...more,
  })
  await authority.ready()
  const parsed = () => lines.map((line) => JSON.parse(line)).map((line) => line.record ?? line)
  return {
    ...{ authority, clock, admin, second, trail },
    events: () =>
      parsed()
        .filter(({ type, event }) => type === 'event' && event !== 'trail_started')
        .map(({ event }) => event),
    recorded: () => lines.join('\n'),
    breakTrail: (value) => {
      isBroken = value
    },
    close: async () => {
      isBroken = false
      await authority.close()
      await trail.close()
    },
  }
}

/** An answer, parsed. */
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  readonly body: any
}

/** What a test sends. */
export interface Sent {
  readonly by?: TestAgent
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends requests to an authority that listens on a port, under a prefix. */
export function createCaller(port: number, prefix = '') {
  return async (method: string, path: string, { by, body, text, headers = {} }: Sent = {}): Promise<Answered> => {
    const target = `${prefix}${path}`
    const content = text ?? (body === undefined ? undefined : JSON.stringify(body))
    const typed = content === undefined ? headers : { 'content-type': 'application/json', ...headers }
    const request = { method, url: `${ORIGIN}${target}`, headers: typed, body: content }
    const signed = by === undefined ? undefined : await by.signRequest(request)
    // Node frames no content of a DELETE by itself.
    const framed = content === undefined ? {} : { 'content-length': String(Buffer.byteLength(content)) }
    const sent = { host: 'authority.test', ...typed, ...signed?.headers, ...framed }
    return exchange(port, { method, path: target, headers: sent }, content)
  }
}

function exchange(port: number, options: object, content: string | undefined): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = send({ host: '127.0.0.1', port, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => void chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: text === '' ? undefined : JSON.parse(text) })
      })
    })
    request.on('error', reject)
    request.end(content)
  })
}
