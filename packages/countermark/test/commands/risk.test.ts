import { text } from 'node:stream/consumers'
import { verifyWebhook, webhookSecrets } from '@countermark/outbound'
import { type StartedServer, startServer } from '@countermark/testing'
import { useCommandFolder } from './run-in-folder.ts'

const folder = useCommandFolder()
const DOOR = 'token-of-the-orders-api'
const RITA = 'token-of-rita-the-reviewer'
const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`
const TOKENS = { COUNTERMARK_RISK_TOKENS: `orders:scores+events:${DOOR},rita:read+reviews:${RITA}` }

let receiver: StartedServer
let alerts: string[]
beforeEach(async () => {
  alerts = []
  const secrets = webhookSecrets('secret', SECRET)
  receiver = await startServer(async (request, response) => {
    const content = await text(request)
    if (verifyWebhook(request.headers, content, { secrets, nowMs: Date.now() })) alerts.push(content)
    response.writeHead(204).end()
  })
})
afterEach(() => receiver.close())

async function startService(...args: readonly string[]) {
  const running = folder.start(['risk', '--listen', '127.0.0.1:0', ...args], {
    ...TOKENS,
    COUNTERMARK_RISK_ALERT_SECRET: SECRET,
  })
  const [address = ''] = /http:\/\/\S+/.exec(await running.says(/metrics {4}/)) ?? []
  const run = (...words: readonly string[]) =>
    folder.run([...words, '--service', address], '', { COUNTERMARK_RISK_TOKEN: RITA })
  return { ...running, address, run }
}

it('keeps levels, hears reviewers, posts alerts, and goes on after a restart', async () => {
  const first = await startService('--alerts', receiver.origin, '--alerts-inside')
  const raised = await first.run('risk', 'raise', 'agt_a', 'block', '--why', 'key was stolen', '--for', '86400')
  expect(raised.out).toContain('agt_a: block, score 0')
  expect((await first.end()).code).toBe(0)
  expect(alerts.map((content) => JSON.parse(content).data)).toMatchObject([
    { to: 'block', by: 'rita', why: 'key was stolen' },
  ])
  const second = await startService()
  const listed = await second.run('risk', 'levels')
  const cleared = await second.run('risk', 'clear', 'agt_a', '--why', 'a new key')
  expect([listed.out, cleared.out]).toEqual([
    expect.stringMatching(/^AGENT +LEVEL +SCORE +SINCE +WHY\nagt_a +block/),
    expect.stringContaining('agt_a: allow'),
  ])
  await second.end()
  expect(folder.read('risk-audit.ndjson')).toContain('key was stolen')
})

it('says why an agent stands where it stands, with figures', async () => {
  folder.write('policy.json', JSON.stringify({ limits: { requestsPerMinute: 2 } }))
  const service = await startService('--policy', 'policy.json')
  const names = { route: 7, resource: 0, resourceNumber: -1, user: 3, key: 5, capability: 0, amount: -1 }
  const request = { agentId: 'agt_a', isSafe: true, isHoney: false, ...names }
  const headers = { authorization: `Bearer ${DOOR}` }
  const body = JSON.stringify({ requests: [request, request, request] })
  await fetch(`${service.address}/v1/scores`, { method: 'POST', headers, body })
  const shown = await service.run('risk', 'show', 'agt_a')
  const explained = await folder.run(['explain', 'agt_a', '--risk', service.address], '', {
    COUNTERMARK_RISK_TOKEN: RITA,
  })
  await service.end()
  expect([shown.code, explained.code]).toEqual([0, 0])
  expect(shown.out).toMatch(/agt_a: throttle, score \d+, since/)
  expect(explained.out).toContain('3 requests in this minute; at most 2 are allowed (request_limit)')
})

it('follows a file of events', async () => {
  const at = new Date().toISOString()
  const agent = { id: 'agt_a', level: 'signed', scheme: 'httpsig' }
  const record = { type: 'decision', id: 'e.1', requestId: 'r-1', at, v: 1, decision: 'allow', agent }
  const more = { action: { method: 'GET' }, resource: { authority: 'a' } }
  folder.write(
    'events.ndjson',
    `${JSON.stringify({ record: { ...record, ...more }, seq: 1, stream: 'e', values: {} })}\n`,
  )
  const service = await startService('--events', 'events.ndjson')
  let shown = await service.run('risk', 'show', 'agt_a', '--json')
  for (let round = 0; round < 200 && shown.code !== 0; round++)
    shown = await service.run('risk', 'show', 'agt_a', '--json')
  await service.end()
  expect(JSON.parse(shown.out)).toMatchObject({ agentId: 'agt_a', level: 'allow' })
})

it('says what the service refused, with exit code 1 and what to do', async () => {
  const service = await startService()
  const unknown = await service.run('risk', 'show', 'agt_unknown')
  const wrong = await service.run('risk', 'expect', 'agt_a', '--factor', '0', '--for', '60', '--why', 'a sale')
  const other = await folder.run(['risk', 'levels', '--service', service.address], '', { COUNTERMARK_RISK_TOKEN: DOOR })
  await service.end()
  expect([unknown, wrong, other].map(({ code }) => code)).toEqual([1, 1, 1])
  expect([unknown.out, wrong.out, other.out]).toEqual([
    expect.stringContaining('404 not_found'),
    expect.stringContaining('422 input_invalid: review.factor'),
    expect.stringContaining('403 role_missing'),
  ])
})

it.each([
  [['risk'], {}, 'nothing says who may call'],
  [['risk'], { COUNTERMARK_RISK_TOKENS: 'orders' }, 'no name:roles:token'],
  [['risk'], { COUNTERMARK_RISK_TOKENS: 'orders:everything:token-of-the-orders-api' }, 'tokens.may'],
  [['risk', '--alerts', 'https://alerts.example.com'], TOKENS, 'alerts are signed'],
  [['risk', '--policy', 'missing.json'], TOKENS, 'missing.json cannot be used'],
  [['risk', '--listen', 'nowhere'], TOKENS, 'listen must be an address'],
  [['risk', 'levels'], {}, 'nothing says where the service is'],
  [['risk', 'levels', '--service', 'http://127.0.0.1:1'], {}, 'nothing says who asks'],
  [['risk', 'levels', '--service', 'http://127.0.0.1:1'], { COUNTERMARK_RISK_TOKEN: RITA }, 'gave no answer'],
])('%j is misused: exit code 2, and the fix', async (args, variables, message) => {
  const { code, err } = await folder.run(args, '', variables)
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(message) })
})

it('lets texts of a service steer no terminal', async () => {
  const evil = await startServer((_message, response) => {
    const standing = { agentId: 'agt_\u001b[31m', level: 'block', wouldBe: 'block', score: 9, sinceMs: 0 }
    response.end(
      JSON.stringify({ ...standing, evidence: [{ signal: '\u001b]0;x\u0007', points: 1, sentence: '\u009b2J' }] }),
    )
  })
  const { out } = await folder.run(['risk', 'show', 'agt_a', '--service', evil.origin], '', {
    COUNTERMARK_RISK_TOKEN: RITA,
  })
  await evil.close()
  expect(out).toContain('block')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(out).not.toMatch(/[\u001b\u0007\u009b]/)
})
