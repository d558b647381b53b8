import { createFakeClock } from '@countermark/testing'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type ReceivedRequest, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let server: RecordingServer
let answers: readonly Answer[]

beforeAll(async () => {
  server = await startRecordingServer((_request, index) => answers[index - start] ?? { body: 'ok' })
})
afterAll(() => server.close())

let start = 0
beforeEach(async () => {
  start = server.received.length
  buyer = await createAgentWithKey()
})

const tries = (): readonly ReceivedRequest[] => server.received.slice(start)
const verified = (index: number, nowMs = buyer.clock.wallMs()) =>
  server.verify(buyer.publicKey, tries()[index] as ReceivedRequest, nowMs)

/** A refusal as a guard writes it. */
function refusal(code: string, headers: Readonly<Record<string, string>> = {}, status = 401): Answer {
  const retry = code === 'key_unknown' ? 'no' : 'resign'
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({ type: `urn:agent-auth:error:${code}`, title: 't', status, code, retry, request_id: 'r1' }),
  }
}
const asking = (acceptSignature: string): Readonly<Record<string, string>> => ({ 'accept-signature': acceptSignature })
const ALL = '"@method" "@authority" "@path" "agent-id"'

describe('a nonce challenge', () => {
  it('is answered with exactly what is asked', async () => {
    answers = [
      refusal(
        'freshness_unproven',
        asking(`ask=("agent-id" "@path" "@method" "@authority");created;expires;nonce="n:1";tag="agent-auth"`),
      ),
    ]
    const response = await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(response.status).toBe(200)
    const { label, list, parameters } = verified(1)
    expect(label).toBe('ask')
    expect(list.components).toEqual(['agent-id', '@path', '@method', '@authority'])
    expect(parameters.nonce).toBe('n:1')
  })

  it('is answered with the same body', async () => {
    answers = [refusal('freshness_unproven', asking(`sig1=(${ALL} "content-digest" "content-type");nonce="n1"`))]
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('ket')
      yield Buffer.from('tle')
    }
    await buyer.createFetch({ origins: [server.origin] })(server.origin, {
      method: 'POST',
      body: body() as never,
      headers: { 'content-type': 'text/x' },
    })
    expect(tries().map(({ body }) => body.toString())).toEqual(['kettle', 'kettle'])
    expect(verified(1).parameters.nonce).toBe('n1')
  })

  it('is answered once', async () => {
    answers = [
      refusal('freshness_unproven', asking(`sig1=(${ALL});nonce="n1"`)),
      refusal('freshness_unproven', asking(`sig1=(${ALL});nonce="n2"`)),
    ]
    const response = await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(response.status).toBe(401)
    expect(tries().length).toBe(2)
    expect(await response.json()).toMatchObject({ code: 'freshness_unproven' })
  })

  it('of a server that speaks no problem document is answered too', async () => {
    answers = [{ status: 401, headers: asking(`sig1=(${ALL});nonce="n1"`), body: 'sign this' }]
    const response = await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(response.status).toBe(200)
  })

  it('with 403 or 429 is answered, as Web Bot Auth has it', async () => {
    for (const status of [403, 429]) {
      start = server.received.length
      answers = [refusal('nonce_missing', asking(`sig1=(${ALL});nonce="n1"`), status)]
      expect((await buyer.createFetch({ origins: [server.origin] })(server.origin)).status).toBe(200)
    }
  })

  it('picks the signature that this agent makes', async () => {
    const asked = `tap=("@authority");nonce="n0";tag="agent-payer-auth", own=(${ALL});nonce="n1";tag="agent-auth"`
    answers = [refusal('freshness_unproven', asking(asked))]
    await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(verified(1)).toMatchObject({ label: 'own', parameters: { nonce: 'n1', tag: 'agent-auth' } })
  })

  it('names Signature-Agent by the label that is asked for', async () => {
    const asked = `w=("@method" "@authority" "@path" "signature-agent";key="w");nonce="n1";tag="web-bot-auth"`
    answers = [refusal('freshness_unproven', asking(asked))]
    await buyer.createFetch({ origins: [server.origin], signatureAgent: 'https://agent.example' })(server.origin)
    expect(tries()[1]?.headers.only('signature-agent')).toBe('w="https://agent.example"')
    expect(verified(1).list.components).toContain('signature-agent;key="w"')
  })

  it('may ask for the credentials that the options give', async () => {
    answers = [refusal('freshness_unproven', asking(`sig1=(${ALL} "authorization");nonce="n1"`))]
    await buyer.createFetch({ origins: [server.origin], authorization: () => 'Bearer t' })(server.origin)
    expect(verified(1).list.components).toContain('authorization')
  })

  it('may ask for the whole URL instead of its parts', async () => {
    answers = [refusal('freshness_unproven', asking('sig1=("@method" "@target-uri" "agent-id");nonce="n1"'))]
    await buyer.createFetch({ origins: [server.origin] })(`${server.origin}/a?b=c`)
    const sent = tries()[1] as ReceivedRequest
    const { list } = server.verify(buyer.publicKey, sent, buyer.clock.wallMs(), ['@method', '@target-uri'])
    expect(list.components).toEqual(['@method', '@target-uri', 'agent-id'])
  })

  it('may ask for the digest of no content', async () => {
    answers = [refusal('coverage_insufficient', asking(`sig1=(${ALL} "content-digest");created`))]
    await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(verified(1).list.components).toContain('content-digest')
  })

  it('may ask for more coverage without giving a nonce', async () => {
    answers = [refusal('coverage_insufficient', asking(`sig1=(${ALL} "x-tenant");created`))]
    await buyer.createFetch({ origins: [server.origin] })(server.origin, { headers: { 'X-Tenant': 't1' } })
    expect(verified(1).list.components).toContain('x-tenant')
    expect(verified(1).parameters.nonce).not.toBe(verified(0).parameters.nonce)
  })
})

describe('a refusal of what was signed too early', () => {
  it('is answered with a later signature, once, where no nonce is offered', async () => {
    answers = [refusal('freshness_unproven', {}, 403), refusal('freshness_unproven', {}, 403)]
    expect((await buyer.createFetch({ origins: [server.origin] })(server.origin)).status).toBe(403)
    expect(tries().length).toBe(2)
  })
})

describe('a challenge that is not answered', () => {
  it.each([
    ['another tag', `sig1=(${ALL});nonce="n1";tag="agent-payer-auth"`],
    ['another key', `sig1=(${ALL});nonce="n1";keyid="other"`],
    ['another algorithm', `sig1=(${ALL});nonce="n1";alg="hmac-sha256"`],
    ['a component of a response', `sig1=(${ALL} "@status");nonce="n1"`],
    ['a field that is not sent', `sig1=(${ALL} "x-missing");nonce="n1"`],
    ['the signature itself', `sig1=(${ALL} "signature");nonce="n1"`],
    ['a field in a form that this agent does not sign', `sig1=(${ALL} "accept";bs);nonce="n1"`],
    ['an empty nonce', `sig1=(${ALL});nonce=""`],
    ['a nonce without end', `sig1=(${ALL});nonce="${'n'.repeat(300)}"`],
    ['what was signed already, without a nonce', `sig1=(${ALL});created`],
    ['nothing that can be read', 'sig1=("@method'],
  ])('asks for %s', async (_name, asked) => {
    answers = [refusal('nonce_missing', asking(asked))]
    const response = await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(response.status).toBe(401)
    expect(tries().length).toBe(1)
  })

  it('comes with a refusal that no signature cures', async () => {
    answers = [refusal('key_unknown', asking(`sig1=(${ALL});nonce="n1"`))]
    expect((await buyer.createFetch({ origins: [server.origin] })(server.origin)).status).toBe(401)
    expect(tries().length).toBe(1)
  })
})

describe('an attacker', () => {
  it('cannot get a signature that is good for another host, path, query, method or body', async () => {
    answers = [refusal('freshness_unproven', asking('sig1=("agent-id");nonce="n1"'))]
    const agentFetch = buyer.createFetch({ origins: [server.origin], authorization: 'Bearer t' })
    await agentFetch(`${server.origin}/a?b=c`, { method: 'POST', body: 'x' })
    expect(verified(1).list.components).toEqual([
      'agent-id',
      '@method',
      '@authority',
      '@path',
      '@query',
      'content-digest',
      'authorization',
    ])
  })

  it('cannot have an order executed twice by sending it on and then asking for a new signature', async () => {
    const replayed = refusal('replay_detected', asking(`sig1=(${ALL} "content-digest" "content-type");nonce="n1"`))
    answers = [replayed]
    const agentFetch = buyer.createFetch({ origins: [server.origin] })
    const response = await agentFetch(server.origin, { method: 'POST', body: 'order' })
    expect(response.status).toBe(401)
    expect(tries().length).toBe(1)
    answers = [replayed, replayed]
    await agentFetch(server.origin, { method: 'POST', body: 'order', headers: { 'Idempotency-Key': 'k1' } })
    expect(tries().length).toBe(3)
  })
})

describe('a clock', () => {
  const at = (ms: number): Readonly<Record<string, string>> => ({ date: new Date(ms).toUTCString() })
  const inTime = (nowMs: number) => () => server.verify(buyer.publicKey, server.last(), nowMs)

  it.each([
    ['behind', 'signature_expired', 600_000],
    ['ahead', 'signature_not_yet_valid', -600_000],
  ])('that is %s is corrected by the server’s date', async (_name, code, aheadMs) => {
    const serverMs = buyer.clock.wallMs() + aheadMs
    answers = [refusal(code, at(serverMs))]
    const response = await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(response.status).toBe(200)
    expect(inTime(serverMs)).not.toThrow()
  })

  it('stays corrected for the origin', async () => {
    const serverClock = createFakeClock(buyer.clock.wallMs() + 600_000)
    answers = [refusal('signature_expired', at(serverClock.wallMs()))]
    const agentFetch = buyer.createFetch({ origins: [server.origin] })
    await agentFetch(server.origin)
    buyer.clock.advance(100_000)
    serverClock.advance(100_000)
    await agentFetch(server.origin)
    expect(tries().length).toBe(3)
    expect(inTime(serverClock.wallMs())).not.toThrow()
  })

  it('is corrected once for a request', async () => {
    answers = [0, 1, 2].map((hours) => refusal('signature_expired', at(buyer.clock.wallMs() + hours * 1_000_000)))
    expect((await buyer.createFetch({ origins: [server.origin] })(server.origin)).status).toBe(401)
    expect(tries().length).toBe(2)
  })

  it.each([
    ['too far away', () => at(buyer.clock.wallMs() + 3_601_000)],
    ['unreadable', () => ({ date: 'yesterday' })],
    ['out of a cache', () => ({ ...at(buyer.clock.wallMs() + 60_000), age: '10' })],
  ])('is not corrected by a date that is %s', async (_name, headers) => {
    answers = [refusal('signature_expired', { ...headers(), ...asking(`sig1=(${ALL});nonce="n1"`) })]
    expect((await buyer.createFetch({ origins: [server.origin] })(server.origin)).status).toBe(401)
    expect(tries().length).toBe(1)
  })

  it('is not corrected when corrections are switched off', async () => {
    answers = [refusal('signature_expired', at(buyer.clock.wallMs() + 600_000))]
    await buyer.createFetch({ origins: [server.origin], maxClockSkewSeconds: 0 })(server.origin)
    expect(tries().length).toBe(1)
  })

  it('is corrected and the challenge answered in one go, and a later challenge is still declined', async () => {
    const headers = { ...at(buyer.clock.wallMs() + 600_000), ...asking(`sig1=(${ALL});nonce="n1"`) }
    answers = [refusal('signature_expired', headers), refusal('freshness_unproven', asking(`sig1=(${ALL});nonce="n2"`))]
    await buyer.createFetch({ origins: [server.origin] })(server.origin)
    expect(tries().length).toBe(2)
    expect(verified(1, buyer.clock.wallMs() + 600_000).parameters.nonce).toBe('n1')
  })
})
