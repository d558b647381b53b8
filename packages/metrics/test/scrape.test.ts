import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createTempFolder,
  createTestAgent,
  findFreePort,
  requireProgram,
  type StartedProgram,
  startProgram,
  startServer,
  type TempFolder,
  type TestAgent,
} from '@countermark/testing'
import { Gauge, Registry } from 'prom-client'
import { jsonHandler, metricsHandler, prometheusMetrics } from '../src/index.ts'
import { FRAMEWORKS, type GuardedApp } from './guarded-app.ts'

const ORDER = { url: 'https://api.example.com/orders/7' }
const FORGED = { ...ORDER, tamper: { signature: (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1) } }

let agent: TestAgent
beforeAll(async () => {
  agent = await createTestAgent({ agentId: 'agt_1' })
})

describe.each(FRAMEWORKS)('the metrics of an application on %s', (_name, start) => {
  const register = new Registry()
  const metrics = prometheusMetrics({ register })
  let app: GuardedApp
  let text: string

  beforeAll(async () => {
    app = await start(agent, metrics, register)
    const once = { ...ORDER, nonce: 'an-order-once' }
    for (const request of [once, once, FORGED]) await app.send(request)
    text = await (await fetch(`${app.origin}/metrics`)).text()
  })
  afterAll(() => app.close())

  it('count what passed by agent and route', () => {
    const labels = 'check="preventReplay",outcome="allow",code="none",route="/orders/:id",agent="agt_1"'
    expect(text).toContain(`countermark_decisions_total{${labels}} 1\n`)
  })

  it('count a forged signature for the agent whose key it names, on the route it was meant for', () => {
    expect(text).toContain('countermark_signature_failures_total{agent="agt_1",route="/orders/:id"} 1\n')
  })

  it('count a replay, also where failed authentications are', () => {
    expect(text).toContain('countermark_replay_claims_total{store="memory",result="replayed"} 1\n')
    expect(text).toContain('countermark_authentication_failures_total{code="replay_detected"} 1\n')
  })

  it('show at 0 what has not happened yet', () => {
    expect(text).toContain('countermark_verifications_shed_total 0\n')
    expect(text).toContain('countermark_authentication_failures_total{code="key_revoked"} 0\n')
  })

  it('count each request and the time of each check', () => {
    expect(text).toMatch(/countermark_requests_total{status="2xx"} 1\n.*"3xx"} 0\n.*"4xx"} 2\n/)
    expect(text).toContain('countermark_check_duration_seconds_count{check="verifySignature"} 3\n')
  })

  it('pass promtool', () => {
    const promtool = requireProgram('promtool')
    if (promtool === undefined) return
    expect(execFileSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('')
  })

  it('hold no address, path, nonce, key id or signature', async () => {
    const { keyId } = agent
    expect(['127.0.0.1', '/orders/7', 'an-order-once', keyId].filter((secret) => text.includes(secret))).toEqual([])
  })

  it('say on demand who is refused most', () => {
    expect(metrics.topFailures()).toMatchObject([{ source: '127.0.0.1', failures: expect.any(Number) }])
    expect(jsonHandler(() => metrics.topFailures()).name).toBe('json')
  })
})

describe('a scrape by Prometheus', () => {
  const program = requireProgram('prometheus')
  const register = new Registry()
  let folder: TempFolder
  let app: GuardedApp
  let prometheus: StartedProgram | undefined
  let api: string

  beforeAll(async () => {
    const [, start] = FRAMEWORKS[0] ?? []
    if (program === undefined || start === undefined) return
    folder = await createTempFolder()
    app = await start(agent, prometheusMetrics({ register }), register)
    await app.send(ORDER)
    const port = await findFreePort()
    api = `http://127.0.0.1:${port}/api/v1`
    const config = join(folder.path, 'prometheus.yml')
    writeFileSync(
      config,
      `scrape_configs: [{ job_name: app, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{ targets: ['127.0.0.1:${app.port}'] }] }]`,
    )
    const place = [`--config.file=${config}`, `--storage.tsdb.path=${folder.path}/data`]
    const flags = [...place, `--web.listen-address=127.0.0.1:${port}`]
    prometheus = await startProgram({ command: program, arguments: flags, ready: /Server is ready/ })
  }, 60_000)
  afterAll(async () => {
    await prometheus?.stop()
    await app?.close()
    await folder?.remove()
  })

  async function ask(query: string): Promise<readonly { readonly metric: object; readonly value: [number, string] }[]> {
    for (let tries = 0; tries < 100; tries++) {
      const answer = await fetch(`${api}/query?query=${encodeURIComponent(query)}`)
      const { data } = (await answer.json()) as { data: { result: Awaited<ReturnType<typeof ask>> } }
      if (data.result.length > 0) return data.result
      // Until it has scraped; nothing else tells.
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return []
  }

  it.each([
    ['countermark_decisions_total{outcome="allow"}', '1'],
    ['sum(countermark_authentication_failures_total)', '0'],
    ['count(countermark_build_info)', '1'],
    ['countermark_check_duration_seconds_count{check="verifySignature"}', '1'],
  ])('finds %s', async (query, value) => {
    if (prometheus === undefined) return
    expect((await ask(query)).map((found) => found.value[1])).toEqual([value])
  })
})

describe('a scrape that fails', () => {
  let warn: jest.SpyInstance
  beforeEach(() => {
    warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  })
  afterEach(() => warn.mockRestore())

  /** A register whose one gauge cannot be read while there is a reason. */
  function failing() {
    const register = new Registry()
    const state: { reason: string | undefined } = { reason: 'the queue cannot be asked' }
    const collect = (): void => {
      if (state.reason !== undefined) throw new Error(state.reason)
    }
    new Gauge({ name: 'jobs', help: 'Jobs', registers: [register], collect })
    return { register, state }
  }

  async function scrape(origin: string): Promise<readonly [status: number, text: string]> {
    const response = await fetch(origin)
    return [response.status, await response.text()]
  }

  it('answers 500 and says why in a warning, not to the caller', async () => {
    const { close, origin } = await startServer(metricsHandler(failing().register))
    const [status, text] = await scrape(origin)
    await close()
    expect([status, text.includes('queue')]).toEqual([500, false])
    const message = 'the metrics cannot be collected: the queue cannot be asked'
    const where = expect.stringMatching(/scrape\.test/)
    expect(warn.mock.calls).toEqual([[message, { type: 'CountermarkWarning', detail: where }]])
  })

  it('says it once, and again for another reason or when scrapes worked in between', async () => {
    const { register, state } = failing()
    const { close, origin } = await startServer(metricsHandler(register))
    for (const reason of ['a', 'a', 'b', undefined, 'b']) {
      state.reason = reason
      await scrape(origin)
    }
    await close()
    expect(warn.mock.calls.map(([message]) => message.at(-1))).toEqual(['a', 'b', 'b'])
  })

  it('leaves an answer alone that was given meanwhile', async () => {
    const handler = metricsHandler(new Registry())
    const { close, origin } = await startServer((req, res) => {
      handler(req, res)
      res.writeHead(504).end('late')
    })
    expect(await scrape(origin)).toEqual([504, 'late'])
    await close()
  })
})
