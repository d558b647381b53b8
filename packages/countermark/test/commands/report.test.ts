import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditTrail, eventStream, fileSink } from '@countermark/audit'
import { createTestAgent, startServer, type TestAgent } from '@countermark/testing'
import express from 'express'
import { countermark, hashApiKey, staticKeys } from '../../src/express.ts'
import { useCommandFolder } from './run-in-folder.ts'

const T0 = Date.parse('2026-11-01T10:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR
let count = 0

interface Line {
  readonly atMs?: number
  readonly requestId?: string
  readonly decision?: string
  readonly code?: string
  readonly agent?: string
  readonly scheme?: string
  readonly claimedAgent?: string
  readonly route?: string
  readonly mode?: string
}

/** A decision as a trail or an event stream has it; what is not told of is left out. */
function line({
  atMs = T0,
  requestId = `request-${++count}`,
  decision = 'allow',
  agent,
  scheme = 'httpsig',
  route,
  ...rest
}: Line): string {
  const record = {
    ...{ v: 1, type: 'decision', id: `chain.${count}`, at: new Date(atMs).toISOString(), requestId, decision },
    ...{
      check: 'verifySignature',
      mode: 'observe',
      action: { method: 'GET' },
      resource: { authority: 'a', route },
      ...rest,
    },
    ...(agent === undefined ? {} : { agent: { id: agent, level: 'signed', scheme } }),
  }
  return `${JSON.stringify({ record, seq: count, stream: 'events-1', values: {} })}\n`
}

function observed(code: string, rest: Line = {}): string {
  return line({ decision: 'observe', code, ...rest })
}

function outcome(requestId: string, route: string): string {
  const record = { type: 'outcome', id: 'o', at: new Date(T0).toISOString(), requestId, of: 'x', status: 200, route }
  return `${JSON.stringify({ record })}\n`
}

describe('countermark report', () => {
  const folder = useCommandFolder()

  async function report(lines: readonly string[], ...args: readonly string[]) {
    folder.write('audit.ndjson', lines.join(''))
    const { code, out, err } = await folder.run(['report', 'audit.ndjson', '--json', ...args])
    return { code, err, json: out === '' ? undefined : JSON.parse(out) }
  }

  it('tells how many requests would pass, and who would not, where and why', async () => {
    const refused = { agent: 'agt_a', route: '/orders/:id' }
    const { code, json } = await report([
      ...[line({ agent: 'agt_a' }), line({ agent: 'agt_b' }), line({ agent: 'agt_b' })],
      observed('insufficient_scope', refused),
    ])
    expect(code).toBe(1)
    expect(json).toMatchObject({ requests: 4, passed: 3, wouldBeRefused: 1, refused: 0, passing: 75 })
    expect(json.refusals).toMatchObject([
      {
        caller: { name: 'agt_a', proof: 'proven' },
        ...{ route: 'GET /orders/:id', code: 'insufficient_scope', check: 'verifySignature', observed: 1, refused: 0 },
        since: '2026-11-01T10:00:00.000Z',
        fix: expect.stringMatching(/scope/),
      },
    ])
  })

  it('ends with 0 where nothing would be refused, and says to enforce', async () => {
    const { code, json } = await report([line({ agent: 'agt_a' })])
    expect([code, json.passing, json.next[0]]).toEqual([0, 100, expect.stringContaining("mode: 'enforce'")])
  })

  it('tells apart whom a credential proves, whom a request only names, and nobody', async () => {
    const { json } = await report([
      ...[observed('replay_detected', { agent: 'agt_a' }), observed('signature_invalid', { claimedAgent: 'agt_a' })],
      observed('credentials_missing'),
    ])
    const callers = json.refusals.map(({ caller }: { caller: unknown }) => caller)
    expect(callers).toEqual([
      { name: 'agt_a', proof: 'proven' },
      { name: 'agt_a', proof: 'claimed' },
      { proof: 'unnamed' },
    ])
  })

  it('counts a request once, by the worst of its decisions, with the route that its outcome knows', async () => {
    const { json } = await report([
      ...[line({ requestId: 'r', agent: 'agt_a' }), observed('insufficient_scope', { requestId: 'r', agent: 'agt_a' })],
      ...[line({ requestId: 's' }), outcome('r', '/refunds')],
    ])
    expect(json).toMatchObject({ requests: 2, wouldBeRefused: 1, refusals: [{ route: 'GET /refunds' }] })
  })

  it('shows the trend by hour, and by day once it is long', async () => {
    const at = (...times: readonly number[]) => times.map((atMs) => observed('key_unknown', { atMs: T0 + atMs }))
    const hours = (await report(at(0, HOUR, HOUR, 3 * HOUR))).json.refusals[0].trend
    const days = (await report(at(0, DAY, DAY, 10 * DAY))).json.refusals[0].trend
    const counts = ({ points }: { points: readonly { count: number }[] }) => points.map((point) => point.count)
    expect([hours.per, counts(hours)]).toEqual(['hour', [1, 2, 0, 1]])
    expect([days.per, counts(days)]).toEqual(['day', [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]])
  })

  it('calls ready what was seen for days without a refusal', async () => {
    const at = (day: number, rest: Line) => line({ atMs: T0 + day * DAY, ...rest })
    const { json } = await report([
      ...[at(0, { agent: 'agt_quiet', route: '/a' }), at(0, { agent: 'agt_loud', route: '/b' })],
      observed('key_expired', { atMs: T0 + 8 * DAY, agent: 'agt_loud', route: '/b' }),
      observed('key_expired', { atMs: T0 + 2 * DAY, agent: 'agt_mended', route: '/c' }),
      ...[at(9, { agent: 'agt_new', route: '/new' }), at(10, { agent: 'agt_quiet', route: '/a' })],
    ])
    const names = (rows: readonly { name: string }[]) => rows.map(({ name }) => name)
    expect(names(json.ready.routes)).toEqual(['GET /a', 'GET /c'])
    expect(names(json.ready.agents)).toEqual(['agt_quiet', 'agt_mended'])
    expect(json.ready.agents[0]).toMatchObject({ requests: 2, quietSince: '2026-11-01T10:00:00.000Z' })
  })

  it('calls nothing ready that is enforced already', async () => {
    const lines = [0, 10].map((day) => line({ atMs: T0 + day * DAY, agent: 'agt_a', mode: 'enforce' }))
    expect((await report(lines)).json.ready).toMatchObject({ agents: [], routes: [] })
  })

  it('leaves out what came before --since', async () => {
    const lines = [observed('key_unknown', { atMs: T0 }), line({ atMs: T0 + HOUR })]
    const { code, json } = await report(lines, '--since', '2026-11-01T10:30:00Z')
    expect([code, json.requests]).toEqual([0, 1])
  })

  it('lists who still comes with a key, by share', async () => {
    const key = (agent: string) => line({ agent, scheme: 'api-key' })
    const { json } = await report([
      ...[key('agt_big'), key('agt_big'), key('agt_big'), key('agt_small'), line({ agent: 'agt_small' })],
      line({ agent: 'agt_done' }),
      line({ decision: 'deny', code: 'api_key_brownout', claimedAgent: 'agt_small', mode: 'enforce' }),
    ])
    expect(json.apiKeys.callers).toMatchObject([
      { agent: 'agt_big', requests: 3, share: 60, moved: 0 },
      { agent: 'agt_small', requests: 2, share: 40, moved: 33.3 },
    ])
    expect(json.next.join()).toContain('Help agt_big to sign: 60 %')
  })

  it('repeats the dates that the service announces', async () => {
    const from = '2026-01-01T10:00:00Z'
    const api_keys = {
      ...{ deprecated: from, sunset: '2999-01-01T00:00:00Z', documentation: 'https://a.example' },
      brownouts: [
        { from, minutes: 10, every_days: 7 },
        { from, minutes: 10 },
      ],
    }
    folder.write('metadata.json', JSON.stringify({ api_keys }))
    const { json } = await report([line({})], '--service', 'metadata.json')
    const { brownouts, sunset } = json.apiKeys.announced
    expect([sunset, brownouts.length]).toEqual(['2999-01-01T00:00:00Z', 5])
    const [first, second] = brownouts.map((window: { from: string; until: string }) => Date.parse(window.from))
    expect([(first - Date.parse(from)) % (7 * DAY), second - first]).toEqual([0, 7 * DAY])
    expect(Date.parse(brownouts[0].until)).toBeGreaterThan(Date.now())
  })

  it('writes for people: who, where, why, since when, what mends it, and what is next', async () => {
    folder.write('audit.ndjson', observed('signature_expired', { claimedAgent: 'agt_slow', route: '/orders' }))
    const { out } = await folder.run(['report', 'audit.ndjson'])
    expect(out).toMatch(/1 {9}agt_slow \(claimed\) {2}GET \/orders {2}signature_expired {2}2026-11-01 10:00 {2}█/)
    expect(out).toMatch(/docs\/refusals\.md#signature_expired/)
    expect(out).toMatch(/What to do next\n1\. Mend signature_expired of agt_slow on GET \/orders first/)
  })

  it('reads standard input, and passes over what is no decision', async () => {
    const text = `no json\n{"record":{"type":"event"}}\n{"chain":"c","content":"pruned"}\n${line({})}{"record":{"type":"dec`
    const { out } = await folder.run(['report', '-', '--json'], text)
    expect(JSON.parse(out).requests).toBe(1)
  })

  it('says what to do where nothing was recorded', async () => {
    const { code, json } = await report([])
    expect([code, json.requests, json.next]).toEqual([0, 0, [expect.stringContaining("mode: 'observe'")]])
  })

  it.each<[string, readonly string[], RegExp]>([
    ['a file that is missing', ['absent.ndjson'], /absent\.ndjson cannot be read/],
    ['a time that is none', ['audit.ndjson', '--since', 'yesterday'], /yesterday is no time/],
    ['days that are none', ['audit.ndjson', '--quiet-days', 'x'], /no number of days/],
    [
      'a service that does not answer',
      ['audit.ndjson', '--service', 'http://127.0.0.1:9'],
      /tells nothing of the service/,
    ],
  ])('ends with 2 for %s', async (_what, args, message) => {
    folder.write('audit.ndjson', line({}))
    const { code, err } = await folder.run(['report', ...args])
    expect([code, err]).toEqual([2, expect.stringMatching(message)])
  })

  describe('the page', () => {
    async function page(lines: readonly string[]): Promise<string> {
      folder.write('audit.ndjson', lines.join(''))
      await folder.run(['report', 'audit.ndjson', '--html', 'report.html'])
      return folder.read('report.html')
    }

    it('is one file that loads nothing, with all that the report says', async () => {
      const html = await page([
        ...[
          observed('key_unknown', { claimedAgent: 'agt_a', route: '/orders' }),
          line({ agent: 'agt_k', scheme: 'api-key' }),
        ],
        ...[0, 9].map((day) => line({ agent: 'agt_b', route: '/ready', atMs: T0 + day * DAY })),
      ])
      for (const text of [
        'agt_a (claimed)',
        'GET /orders',
        'key_unknown',
        'What to do next',
        'GET /ready',
        'agt_k',
        '<svg',
      ]) {
        expect(html).toContain(text)
      }
      expect(html).not.toMatch(/<script|<link|src=|href="(?!#)|url\(|@import/)
      expect(html).toContain("default-src 'none'")
    })

    it('executes nothing that a caller writes', async () => {
      const evil = `"><img src=x onerror=alert(1)><script>'&`
      const html = await page([observed('key_unknown', { claimedAgent: evil, route: evil })])
      expect(html).not.toMatch(/<img|<script/)
      expect(html).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&lt;script&gt;&#39;&amp;')
    })
  })

  it('lets no name of a caller command the terminal', async () => {
    folder.write('audit.ndjson', observed('key_unknown', { claimedAgent: 'agt\u001b[2J\u202e\u0007' }))
    const { out } = await folder.run(['report', 'audit.ndjson'])
    expect(out).toContain('agt\uFFFD[2J\uFFFD\uFFFD')
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{C}/u)
  })

  it('keeps its memory bounded, whatever names strangers send', async () => {
    const lines = Array.from({ length: 6_000 }, (_, index) => observed('key_unknown', { claimedAgent: `agt_${index}` }))
    const { json } = await report(lines)
    const [first] = json.refusals
    expect([json.refusals.length, first.caller, first.observed]).toEqual([5_001, { proof: 'unnamed' }, 1_000])
  })

  describe('of a running application', () => {
    const sha256 = hashApiKey('ak_1')
    let agent: TestAgent

    async function play(): Promise<readonly number[]> {
      agent = await createTestAgent({ agentId: 'agt_signs' })
      const events = eventStream({
        sinks: [
          { name: 'file', durable: true, append: async (batch) => appendLines(batch.map(({ line: text }) => text)) },
        ],
      })
      const recorder = auditTrail({ sinks: [fileSink({ path: join(folder.path, 'trail.ndjson') })], flushMs: 0 })
      const keys = staticKeys([{ agentId: agent.agentId, key: agent.publicJwk }])
      const app = express()
      const agents = countermark({
        ...{ origins: () => [server.origin], keys, mode: 'observe', observers: [events], recorder },
        apiKeys: { lookup: (hash) => (hash === sha256 ? { sha256, agent: 'agt_legacy' } : undefined) },
      })
      app.use((req, res, next) => agents(req, res, next))
      app.get('/orders/:id', agents.require('orders:read'), (_req, res) => void res.json({}))
      const server = await startServer(app)
      const url = `${server.origin}/orders/7`
      const signed = await agent.signRequest({ url })
      const requests = [{}, { 'X-API-Key': 'ak_1' }, { 'X-API-Key': 'ak_2' }, { ...signed.headers }]
      const statuses = []
      for (const headers of requests) statuses.push((await fetch(url, { headers })).status)
      await server.close()
      await Promise.all([events.close(), recorder.close()])
      return statuses
    }

    function appendLines(lines: readonly string[]): void {
      appendFileSync(join(folder.path, 'events.ndjson'), lines.map((text) => `${text}\n`).join(''))
    }

    it('says the same by the trail and by the stream of events', async () => {
      expect(await play()).toEqual([200, 200, 200, 200])
      const [trail, events] = await Promise.all(
        ['trail.ndjson', 'events.ndjson'].map(async (file) =>
          JSON.parse((await folder.run(['report', file, '--json'])).out),
        ),
      )
      expect(trail).toMatchObject({ requests: 4, wouldBeRefused: 4, observed: 4 })
      const rows = ({ refusals }: { refusals: readonly { caller: object; route: string; code: string }[] }) =>
        refusals.map(({ caller, route, code }) => ({ caller, route, code }))
      expect(rows(trail)).toEqual(
        expect.arrayContaining([
          { caller: { proof: 'unnamed' }, route: 'GET /orders/:id', code: 'credentials_missing' },
          { caller: { name: 'agt_legacy', proof: 'proven' }, route: 'GET /orders/:id', code: 'insufficient_scope' },
          { caller: { proof: 'unnamed' }, route: 'GET /orders/:id', code: 'api_key_unknown' },
          { caller: { name: 'agt_signs', proof: 'proven' }, route: 'GET /orders/:id', code: 'insufficient_scope' },
        ]),
      )
      expect(rows(events)).toEqual(rows(trail))
      expect(trail.apiKeys.callers).toMatchObject([{ agent: 'agt_legacy', share: 100 }])
    })
  })
})
