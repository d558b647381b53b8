import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { authzen, consultPolicy, opa, type PolicyCheck, type PolicyFacts } from '@countermark/policy'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { aCaller } from './a-caller.ts'

const running: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((close) => close()))
})

interface Started {
  readonly url: string
  readonly questions: unknown[]
  readonly paths: (string | undefined)[]
  readonly connections: () => number
}

/** A server that answers as it is told; what it was asked is kept. */
async function start(answer: RequestListener | string): Promise<Started> {
  const questions: unknown[] = []
  const paths: (string | undefined)[] = []
  let connections = 0
  const listener: RequestListener = (request, response) => {
    void keep(request).then(() => {
      if (typeof answer === 'string') response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
      else answer(request, response)
    })
  }
  const keep = async (request: IncomingMessage): Promise<void> => {
    questions.push(await json(request))
    paths.push(request.url)
  }
  const server = createServer(listener).on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  running.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, questions, paths, connections: () => connections }
}

const environment = createTestEnvironment()

async function ask(check: PolicyCheck, caller = aCaller()): Promise<PolicyFacts> {
  return check(aRequest({ method: 'POST', target: '/pulls' }), caller, environment)
}

const rule = (url: string, timeoutMs = 1_000): PolicyCheck =>
  consultPolicy(opa({ url: `${url}/v1/data/agent/authz` }), {
    timeoutMs,
    action: 'pr.create',
    resource: { repo: 'acme/api' },
  })

describe('opa', () => {
  it('is asked by its Data API, and what it says of its bundle is the revision', async () => {
    const answer = {
      decision_id: 'd-1',
      provenance: { bundles: { main: { revision: 'r9' } } },
      result: { allow: true },
    }
    const server = await start(JSON.stringify(answer))
    const { policy } = await ask(rule(server.url))
    expect(policy).toMatchObject({ engine: 'opa', decision: 'allow', revision: 'r9', decisionId: 'd-1' })
    expect(server.paths).toEqual(['/v1/data/agent/authz?provenance=true'])
    expect(server.questions).toMatchObject([
      { input: { actor: { type: 'agent', id: 'agt_a' }, action: 'pr.create', resource: { repo: 'acme/api' } } },
    ])
  })

  it('may be asked for one rule', async () => {
    const server = await start('{"result":true}')
    await expect(ask(rule(server.url))).resolves.toMatchObject({ policy: { decision: 'allow' } })
  })

  it('keeps its connection for the next question', async () => {
    const server = await start('{"result":true}')
    const check = rule(server.url)
    for (let round = 0; round < 5; round++) await ask(check)
    expect([server.questions.length, server.connections()]).toEqual([5, 1])
  })

  it('denies with 403', async () => {
    const server = await start('{"result":{"allow":false,"reason":"frozen"}}')
    await expect(ask(rule(server.url))).rejects.toMatchObject({ code: 'policy_denied', policy: { reason: 'frozen' } })
  })

  it.each([
    ['no document', 'http://127.0.0.1:8181', 'ERR_OPTION_INVALID'],
    ['http elsewhere', 'http://opa.example.com/v1/data/authz', 'ERR_OPTION_INVALID'],
    ['no URL', 'opa', 'ERR_OPTION_INVALID'],
    ['nothing', '', 'ERR_OPTION_MISSING'],
  ])('is refused at the start when its url names %s', (_what, url, code) => {
    expect(() => opa({ url })).toThrow(expect.objectContaining({ code }))
  })
})

describe('an engine that lies', () => {
  const huge = `{"result":{"allow":true,"pad":"${'x'.repeat(70_000)}"}}`
  it.each<[string, string | RequestListener]>([
    ['says "true"', '{"result":"true"}'],
    ['says allow: "true"', '{"result":{"allow":"true"}}'],
    ['says nothing', '{}'],
    ['says it twice', '{"result":false,"result":true}'],
    ['says it twice inside', '{"result":{"allow":false,"allow":true}}'],
    ['hides its second word', '{"result":{"allow":false,"\\u0061llow":true}}'],
    ['sets a prototype', '{"result":{"__proto__":{"allow":true}}}'],
    ['sets the prototype of its answer', '{"__proto__":{"result":true}}'],
    ['answers with a list', '[{"result":true}]'],
    ['answers with text', (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('true')],
    ['answers 500', (_request, response) => response.writeHead(500, JSON_TYPE).end('{"result":true}')],
    ['answers 404', (_request, response) => response.writeHead(404, JSON_TYPE).end('{"result":true}')],
    ['answers 201', (_request, response) => response.writeHead(201, JSON_TYPE).end('{"result":true}')],
    ['answers without end', huge],
    ['is deep', `{"result":{"allow":true,"x":${'['.repeat(40)}${']'.repeat(40)}}}`],
    [
      'breaks off',
      (_request, response) => response.writeHead(200, { ...JSON_TYPE, 'content-length': 40 }).write('{"res'),
    ],
    ['drips', (_request, response) => void drip(response.writeHead(200, JSON_TYPE))],
    ['is silent', () => undefined],
  ])('and %s allows nothing', async (_what, answer) => {
    const server = await start(answer)
    await expect(ask(rule(server.url, 150))).rejects.toMatchObject({ code: 'policy_unavailable' })
  })

  it('and sends the question elsewhere is not followed', async () => {
    const other = await start('{"result":true}')
    const location = `${other.url}/v1/data/agent/authz`
    const server = await start((_request, response) => response.writeHead(307, { location }).end())
    await expect(ask(rule(server.url))).rejects.toMatchObject({ code: 'policy_unavailable' })
    expect(other.questions).toEqual([])
  })

  it('and is away is not waited for: after five failures one question a second tries', async () => {
    const clock = environment.clock
    const server = await start((_request, response) => response.destroy())
    const check = rule(server.url)
    for (let round = 0; round < 8; round++) await ask(check).catch(() => undefined)
    expect([server.questions.length, clock.monotonicMs()]).toEqual([5, 0])
    expect(environment.observer.total('degraded', { dependency: 'policy' })).toBe(1)
  })
})

describe('authzen', () => {
  const point = (url: string): PolicyCheck => consultPolicy(authzen({ url }), { timeoutMs: 1_000, action: 'can_read' })

  it('asks about the user, and tells which agent acts', async () => {
    const server = await start('{"decision":true,"context":{"policy_revision":"r2","reason_admin":{"en":"owner"}}}')
    const { policy } = await ask(point(server.url), aCaller({ user: 'user_123' }))
    expect(policy).toMatchObject({ engine: 'authzen', decision: 'allow', revision: 'r2', reason: 'owner' })
    expect(server.paths).toEqual(['/access/v1/evaluation'])
    expect(server.questions).toMatchObject([
      {
        subject: { type: 'user', id: 'user_123', properties: { issuer: 'https://login.example.com' } },
        action: { name: 'can_read' },
        resource: { type: 'resource', id: '/pulls' },
        context: { actor: { type: 'agent', id: 'agt_a' } },
      },
    ])
  })

  it('tells the caller the reason that is meant for it', async () => {
    const server = await start(
      '{"decision":false,"context":{"reason_admin":"rule 7","reason_user":{"en":"Ask Finance."}}}',
    )
    await expect(ask(point(server.url))).rejects.toMatchObject({
      ...{ code: 'policy_denied', members: { reason: 'Ask Finance.' }, policy: { reason: 'rule 7' } },
    })
  })

  it.each([
    ['a text', '{"decision":"true"}'],
    ['missing', '{"context":{}}'],
    ['beside an error', '{"decision":true,"context":{"error":{"status":500}}}'],
    ['with an obligation that is not known', '{"decision":true,"context":{"obligations":[{"type":"log"}]}}'],
  ])('allows nothing when the decision is %s', async (_what, answer) => {
    const server = await start(answer)
    await expect(ask(point(server.url))).rejects.toMatchObject({ code: 'policy_unavailable' })
  })

  it('asks many questions at once', async () => {
    const server = await start('{"evaluations":[{"decision":true},{"decision":"yes"}]}')
    const engine = authzen({ url: server.url })
    const input = { actor: { type: 'agent', id: 'agt_a' }, action: 'a', resource: {}, scope: [], context: {} }
    const answers = await engine.decideAll?.([input, input], { signal: new AbortController().signal })
    expect(answers).toEqual([{ allow: true }, undefined])
    expect(server.paths).toEqual(['/access/v1/evaluations'])
  })
})

const JSON_TYPE = { 'content-type': 'application/json' }

function drip(response: { readonly write: (text: string) => unknown; readonly destroyed: boolean }): void {
  if (response.destroyed) return
  response.write(' ')
  setTimeout(drip, 20, response).unref()
}
