import { type AgentFetchSettings, createAgentFetch } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type ReceivedRequest, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let server: RecordingServer
let answers: readonly Answer[]
let start = 0

beforeAll(async () => {
  server = await startRecordingServer((_request, index) => answers[index - start] ?? { body: 'ok' })
})
afterAll(() => server.close())
beforeEach(async () => {
  start = server.received.length
  buyer = await createAgentWithKey()
})

const tries = (): readonly ReceivedRequest[] => server.received.slice(start)
const busy = (retryAfter?: string, status = 503): Answer => ({
  status,
  headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
  body: 'busy',
})
const guardBusy = (code: string, retryAfter?: string, status = 503): Answer => ({
  ...busy(retryAfter, status),
  headers: {
    'content-type': 'application/problem+json',
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
  },
  body: JSON.stringify({ code, retry: 'later', status, title: 't' }),
})
const send = (init: RequestInit = {}, options: Partial<AgentFetchSettings> = {}): Promise<Response> =>
  buyer.createFetch({ origins: [server.origin], ...options })(`${server.origin}/x`, init)

describe('a request that was refused with Retry-After', () => {
  it('is sent again, signed again, after the time that was asked for', async () => {
    answers = [busy('3')]
    expect((await send()).status).toBe(200)
    expect(buyer.waits.length).toBe(1)
    expect(buyer.waits[0]).toBeGreaterThanOrEqual(3000)
    expect(buyer.waits[0]).toBeLessThanOrEqual(4000)
    const verified = tries().map((request) => server.verify(buyer.publicKey, request, buyer.clock.wallMs()))
    expect(new Set(verified.map(({ parameters }) => parameters.nonce)).size).toBe(2)
    expect((verified[1]?.parameters.created ?? 0) - (verified[0]?.parameters.created ?? 0)).toBeGreaterThanOrEqual(3)
  })

  it('is sent again after 429, and at a date', async () => {
    answers = [busy('1', 429), busy(new Date(buyer.clock.wallMs() + 10_000).toUTCString())]
    expect((await send()).status).toBe(200)
    expect(buyer.waits[1]).toBeGreaterThan(7000)
  })

  it('is sent three times and not four', async () => {
    answers = Array.from({ length: 5 }, () => busy('1'))
    const response = await send()
    expect(response.status).toBe(503)
    expect(await response.text()).toBe('busy')
    expect(tries().length).toBe(3)
  })

  it('is sent once when retries are switched off', async () => {
    answers = [busy('1')]
    expect((await send({}, { maxRetries: 0 })).status).toBe(503)
  })

  it('is the caller’s when the wait would be too long', async () => {
    answers = [busy('31')]
    expect((await send()).status).toBe(503)
    expect(buyer.waits).toEqual([])
  })

  it.each(['soon', '-1', '1.5', '', undefined])('is the caller’s without a time to come back: %s', async (value) => {
    answers = [busy(value)]
    expect((await send()).status).toBe(503)
    expect(tries().length).toBe(1)
  })

  it('keeps a stream as it was', async () => {
    answers = [busy('1')]
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('kettle')
    }
    await send({ method: 'PUT', body: body() as never })
    expect(tries().map(({ body }) => body.toString())).toEqual(['kettle', 'kettle'])
  })

  it('is not waited for after the caller gave up', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    let count = 0
    const fetchUnderneath = async (): Promise<Response> => {
      count++
      setImmediate(() => controller.abort(reason))
      return new Response('busy', { status: 503, headers: { 'retry-after': '20' } })
    }
    const { privateKey: key } = buyer
    const agentFetch = createAgentFetch({ agentId: 'agt_buyer', key, origins: [server.origin], fetch: fetchUnderneath })
    await expect(agentFetch(server.origin, { signal: controller.signal })).rejects.toBe(reason)
    expect(count).toBe(1)
  })
})

describe('a request that may have been done already', () => {
  it('is not sent again', async () => {
    answers = [busy('1')]
    expect((await send({ method: 'POST', body: 'order' })).status).toBe(503)
    expect((await send({ method: 'PATCH', body: 'order' })).status).toBe(200)
    expect(tries().length).toBe(2)
  })

  it('is sent again with an Idempotency-Key', async () => {
    answers = [busy('1')]
    expect((await send({ method: 'POST', body: 'order', headers: { 'Idempotency-Key': 'k1' } })).status).toBe(200)
  })

  it.each(['replay_store_unavailable', 'key_source_unavailable', 'overloaded', 'audit_unavailable', 'rate_limited'])(
    'was not done when a guard refused it with %s',
    async (code) => {
      answers = [guardBusy(code, '1', code === 'rate_limited' ? 429 : 503), guardBusy(code)]
      expect((await send({ method: 'POST', body: 'order' })).status).toBe(200)
      expect(tries().map(({ body }) => body.toString())).toEqual(['order', 'order', 'order'])
    },
  )

  it('may have been done when the code is not one of those', async () => {
    answers = [guardBusy('warehouse_unavailable', '1')]
    expect((await send({ method: 'POST', body: 'order' })).status).toBe(503)
  })
})
