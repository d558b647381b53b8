import { Unavailable } from '@countermark/core'
import { createRiskServer, RISK_SERVICE_CODES } from '@countermark/risk/service'
import { createFakeClock, createTempFolder, type TempFolder } from '@countermark/testing'
import { closeServices, startService, TOKENS, told } from './started-service.ts'

const RITA = TOKENS[1].token
const RAISE = { action: 'raise', level: 'block', why: 'key is lost' }
const STRICT = { policy: { limits: { requestsPerMinute: 2 } } }

let folder: TempFolder
beforeEach(async () => {
  folder = await createTempFolder()
})
afterEach(async () => {
  await closeServices()
  await folder.remove()
})

describe('scores', () => {
  it('are answered in the order of the questions, and tell what changed', async () => {
    const { ask } = await startService(STRICT)
    const requests = [told(), told(), told(), told({ agentId: 'agt_b' })]
    const { status, value } = await ask('POST', '/v1/scores', { requests, agents: ['agt_a', 'agt_unknown'] })
    expect(status).toBe(200)
    const levels = ['allow', 'allow', 'throttle', 'allow', 'throttle', 'allow']
    expect(value['scores']).toMatchObject(levels.map((level) => ({ level })))
    expect(value['changes']).toMatchObject([{ agentId: 'agt_a', from: 'allow', to: 'throttle', by: 'signals' }])
  })

  it('count how requests ended', async () => {
    const { ask } = await startService({ policy: { limits: { failuresPerMinute: 3 } } })
    const ended = Array.from({ length: 5 }, () => ({ agentId: 'agt_a', end: 'missing' }))
    const { value } = await ask('POST', '/v1/scores', { requests: [told()] })
    const after = await ask('POST', '/v1/scores', { ended, agents: ['agt_a'] })
    expect([value['scores'], after.value['scores']]).toMatchObject([[{ level: 'allow' }], [{ level: 'throttle' }]])
  })

  it('cost less than 20 ms for two hundred requests at once, body and answer included', async () => {
    const { ask } = await startService()
    const requests = Array.from({ length: 200 }, (_, at) => told({ agentId: `agt_${at}`, resource: at }))
    for (let round = 0; round < 10; round++) await ask('POST', '/v1/scores', { requests })
    const before = process.cpuUsage()
    for (let round = 0; round < 20; round++) await ask('POST', '/v1/scores', { requests })
    const { user, system } = process.cpuUsage(before)
    // Time of this process, its own client included: tests of others share the processor.
    expect((user + system) / 20 / 1000).toBeLessThan(20)
  })

  it('grant one turn a second', async () => {
    const { ask } = await startService({ ...STRICT, clock: createFakeClock() })
    const { value: slowed } = await ask('POST', '/v1/scores', { requests: [told(), told(), told(), told()] })
    expect(slowed['scores']).toMatchObject([{}, {}, { waitSeconds: 0 }, { waitSeconds: 1 }])
    const turns = [
      await ask('POST', '/v1/turns', { agent: 'agt_a' }),
      await ask('POST', '/v1/turns', { agent: 'agt_a' }),
    ]
    expect(turns.map(({ value }) => value)).toEqual([{ waitSeconds: 1 }, { waitSeconds: 1 }])
  })
})

describe('a reviewer', () => {
  it('raises and clears, is named by the token, and is kept in the trail', async () => {
    const kept: object[] = []
    const { ask } = await startService({ trail: { event: async (event) => void kept.push(event) } })
    const raised = await ask('POST', '/v1/agents/agt_a/reviews', RAISE, RITA)
    const listed = await ask('GET', '/v1/agents?from=read-only', undefined, RITA)
    const cleared = await ask('POST', '/v1/agents/agt_a/reviews', { action: 'clear', why: 'a new key' }, RITA)
    expect([raised.value, listed.value, cleared.value]).toMatchObject([
      { agentId: 'agt_a', level: 'block' },
      { agents: [{ agentId: 'agt_a', level: 'block' }] },
      { agentId: 'agt_a', level: 'allow' },
    ])
    const review = { event: 'risk_review', details: { agent: 'agt_a', ...RAISE, by: 'rita' } }
    expect(kept).toMatchObject([review, { event: 'risk_level_changed', details: { to: 'block', by: 'rita' } }, {}, {}])
  })

  it('is told apart from those for whom a caller speaks', async () => {
    const changes: { by: string }[] = []
    const { ask } = await startService({ onChange: (change) => changes.push(change) })
    await ask('POST', '/v1/agents/agt_a/reviews', { ...RAISE, by: 'sam' }, RITA)
    expect(changes).toMatchObject([{ by: 'sam via rita' }])
  })

  it('decides nothing that cannot be recorded', async () => {
    const full = new Unavailable('audit_unavailable', 'audit', 'the buffer of records is full')
    const { ask, risk } = await startService({ trail: { event: () => Promise.reject(full) } })
    const { status, value } = await ask('POST', '/v1/agents/agt_a/reviews', RAISE, RITA)
    expect([status, value['code'], risk.find('agt_a')]).toEqual([503, 'audit_unavailable', undefined])
  })
})

describe('a refusal', () => {
  it.each([
    [401, 'credentials_missing', 'GET', '/v1/agents', undefined, ''],
    [401, 'api_key_unknown', 'GET', '/v1/agents', undefined, 'some-other-token-entirely'],
    [403, 'role_missing', 'GET', '/v1/agents', undefined, TOKENS[0].token],
    [403, 'role_missing', 'POST', '/v1/agents/agt_a/reviews', RAISE, TOKENS[0].token],
    [403, 'role_missing', 'POST', '/v1/scores', {}, RITA],
    [404, 'not_found', 'GET', '/v2/agents', undefined, RITA],
    [404, 'not_found', 'GET', '/v1/agents/agt_unknown', undefined, RITA],
    [404, 'not_found', 'GET', '/v1/agents/%ff', undefined, RITA],
    [405, 'method_not_allowed', 'DELETE', '/v1/agents', undefined, RITA],
    [400, 'request_malformed', 'POST', '/v1/scores', '{"agents":[],"agents":["agt_a"]}', TOKENS[0].token],
    [400, 'request_malformed', 'POST', '/v1/scores', '[]', TOKENS[0].token],
    [422, 'input_invalid', 'POST', '/v1/scores', { requests: [told({ amount: 'much' })] }, TOKENS[0].token],
    [422, 'input_invalid', 'POST', '/v1/scores', { requests: [told({ agentId: '' })] }, TOKENS[0].token],
    [422, 'input_invalid', 'POST', '/v1/scores', { ended: [{ agentId: 'agt_a', end: 'well' }] }, TOKENS[0].token],
    [422, 'input_invalid', 'POST', '/v1/scores', { colour: 'red' }, TOKENS[0].token],
    [422, 'input_invalid', 'POST', '/v1/scores', { agents: Array(501).fill('agt_a') }, TOKENS[0].token],
    [422, 'input_invalid', 'POST', '/v1/turns', { agent: 7 }, TOKENS[0].token],
    [422, 'input_invalid', 'GET', '/v1/agents?from=furious', undefined, RITA],
    [422, 'input_invalid', 'POST', '/v1/agents/agt_a/reviews', { action: 'raise', level: 'block' }, RITA],
    [422, 'input_invalid', 'POST', '/v1/agents/agt_a/reviews', { ...RAISE, forSeconds: -1 }, RITA],
    [413, 'body_too_large', 'POST', '/v1/scores', 'x'.repeat(3000), TOKENS[0].token],
  ])('is problem+json: %d %s', async (status, code, method, path, body, token) => {
    const { ask } = await startService({ maxBodyBytes: 2048 })
    const large = typeof body === 'object' && 'agents' in body
    const service = large ? await startService() : { ask }
    const reply = await service.ask(method, path, body, token)
    expect(reply).toMatchObject({ status, type: 'application/problem+json', value: { code, status } })
  })

  it('has a heading in the documentation for each code', () => {
    const page = process.getBuiltinModule('node:fs').readFileSync(`${__dirname}/../../../../docs/behaviour.md`, 'utf8')
    const headings = [...page.matchAll(/^### `([a-z_]+)`$/gm)].map(([, code]) => code)
    expect(headings).toEqual(Object.keys(RISK_SERVICE_CODES))
  })

  it('has a code of the table, each of which has a test here', () => {
    expect(Object.keys(RISK_SERVICE_CODES).sort()).toEqual([
      'input_invalid',
      'method_not_allowed',
      'not_found',
      'role_missing',
    ])
  })
})

describe('a restart', () => {
  it('takes levels, who holds them and baselines along', async () => {
    const snapshot = `${folder.path}/levels.ndjson`
    const first = await startService({ snapshot, ...STRICT })
    await first.ask('POST', '/v1/scores', { requests: [told(), told(), told()] })
    await first.ask('POST', '/v1/agents/agt_b/reviews', RAISE, RITA)
    await closeServices()
    const second = await startService({ snapshot, ...STRICT })
    const { value } = await second.ask('GET', '/v1/agents', undefined, RITA)
    expect(value['agents']).toMatchObject([
      { agentId: 'agt_a', level: 'throttle', evidence: [{ signal: 'request_limit' }] },
      { agentId: 'agt_b', level: 'block', heldUntilMs: expect.any(Number) },
    ])
  })

  it('refuses a file that is no whole snapshot, and leaves it as it is', async () => {
    const { writeFileSync, readFileSync } = process.getBuiltinModule('node:fs')
    const snapshot = `${folder.path}/levels.ndjson`
    await startService({ snapshot })
    await closeServices()
    const half = readFileSync(snapshot, 'utf8').split('\n')[0] ?? ''
    writeFileSync(snapshot, half)
    await expect(createRiskServer({ tokens: TOKENS, snapshot }).ready()).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
    expect(readFileSync(snapshot, 'utf8')).toBe(half)
  })
})

describe('wrong configuration', () => {
  const token = TOKENS[0]
  it.each([
    [{}, 'ERR_OPTION_MISSING'],
    [{ tokens: [] }, 'ERR_OPTION_MISSING'],
    [{ tokens: [{ ...token, token: 'short' }] }, 'ERR_OPTION_INVALID'],
    [{ tokens: [{ ...token, may: ['everything'] }] }, 'ERR_OPTION_INVALID'],
    [{ tokens: [token, { ...token, name: 'other' }] }, 'ERR_OPTION_INVALID'],
    [{ tokens: TOKENS, authenticate: () => undefined }, 'ERR_OPTION_INVALID'],
    [{ tokens: TOKENS, colour: 'red' }, 'ERR_OPTION_UNKNOWN'],
  ])('is refused at start: %#', (options, code) => {
    expect(() => createRiskServer(options as never)).toThrow(expect.objectContaining({ code }))
  })
})

it('says that it is well, without a token', async () => {
  const { origin } = await startService()
  const response = await fetch(`${origin}/healthz`)
  expect(await response.json()).toEqual({ status: 'ok', agents: 0, failing: [] })
})

it('lets a guard in front say who calls', async () => {
  const authenticate = () => ({ name: 'agent:agt_ops', may: ['read'] as const })
  const { ask } = await startService({ tokens: undefined, authenticate } as never)
  expect((await ask('GET', '/v1/agents')).value).toEqual({ agents: [] })
})
