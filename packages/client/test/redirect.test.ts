import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type ReceivedRequest, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let first: RecordingServer
let second: RecordingServer
let answer: (request: ReceivedRequest, index: number) => Answer

beforeAll(async () => {
  buyer = await createAgentWithKey()
  first = await startRecordingServer((request, index) => answer(request, index))
  second = await startRecordingServer(() => ({ body: 'second' }))
})
afterAll(() => Promise.all([first.close(), second.close()]))

/** Answers `/old` with a redirect and everything else with 200. */
const redirectTo = (location: string, status = 302) => {
  answer = ({ target }) => (target.startsWith('/old') ? { status, headers: { location } } : { body: 'first' })
}
const verify = (server: RecordingServer, components?: readonly string[]) =>
  server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs(), components)

describe('a redirect', () => {
  it('is followed with a new signature over the new target', async () => {
    redirectTo('/new?x=1#part')
    const response = await buyer.createFetch({ origins: [first.origin] })(`${first.origin}/old`)
    expect(await response.text()).toBe('first')
    expect(first.last().target).toBe('/new?x=1')
    const [before, after] = first.received
      .slice(-2)
      .map((request) => first.verify(buyer.publicKey, request, buyer.clock.wallMs()))
    expect(after?.parameters.nonce).not.toBe(before?.parameters.nonce)
  })

  it.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [301, 'PUT', 'PUT', 'kettle'],
    [307, 'POST', 'POST', 'kettle'],
    [308, 'PATCH', 'PATCH', 'kettle'],
  ])('with %i turns %s into %s', async (status, method, expected, body) => {
    redirectTo('/new', status)
    await buyer.createFetch({ origins: [first.origin] })(`${first.origin}/old`, { method, body: 'kettle' })
    expect(first.last().method).toBe(expected)
    expect(first.last().body.toString()).toBe(body)
    expect(first.last().headers.has('content-type')).toBe(body !== '')
    verify(first, body === '' ? undefined : ['content-digest', 'content-type'])
  })

  it('with 303 keeps HEAD', async () => {
    redirectTo('/new', 303)
    await buyer.createFetch({ origins: [first.origin] })(`${first.origin}/old`, { method: 'HEAD' })
    expect(first.last().method).toBe('HEAD')
  })

  it('to another allowed origin is signed for that origin', async () => {
    redirectTo(`${second.origin}/new`, 307)
    const agentFetch = buyer.createFetch({ origins: [first.origin, second.origin] })
    const response = await agentFetch(`${first.origin}/old`)
    expect(await response.text()).toBe('second')
    verify(second)
  })

  it('to another allowed origin asks for the authorization of that origin', async () => {
    redirectTo(`${second.origin}/new`)
    const authorization = ({ url }: { readonly url: string }): string => `Bearer for-${new URL(url).port}`
    await buyer.createFetch({ origins: [first.origin, second.origin], authorization })(`${first.origin}/old`)
    expect(second.last().headers.only('authorization')).toBe(`Bearer for-${new URL(second.origin).port}`)
  })

  it('to another allowed origin leaves credentials of the single request behind', async () => {
    redirectTo(`${second.origin}/new`)
    const headers = { Authorization: 'Bearer own', Cookie: 'a=b', 'Agent-Delegation': 'jwt', 'X-Kept': '1' }
    await buyer.createFetch({ origins: [first.origin, second.origin] })(`${first.origin}/old`, { headers })
    const received = second.last().headers
    expect(received.only('x-kept')).toBe('1')
    expect(['authorization', 'cookie', 'agent-delegation'].filter((name) => received.has(name))).toEqual([])
  })

  it('to another allowed origin leaves fields behind that are secrets by their name', async () => {
    redirectTo(`${second.origin}/new`)
    const secret = [
      'x-api-key',
      'apikey',
      'private-token',
      'x-vault-token',
      'x-client-secret',
      'x-session',
      'x-csrf-token',
    ]
    const kept = ['x-kept', 'accept-language', 'idempotency-key', 'x-keyboard']
    const headers = Object.fromEntries([...secret, ...kept].map((name) => [name, '1']))
    await buyer.createFetch({ origins: [first.origin, second.origin] })(`${first.origin}/old`, { headers })
    const received = second.last().headers
    expect([...secret, ...kept].filter((name) => received.has(name))).toEqual(kept)
  })

  it('to another allowed origin reads there what a 303 says was carried out here', async () => {
    redirectTo(`${second.origin}/receipt`, 303)
    const agentFetch = buyer.createFetch({ origins: [first.origin, second.origin] })
    await agentFetch(`${first.origin}/old`, { method: 'POST', body: 'kettle' })
    expect([second.last().method, second.last().body.toString()]).toEqual(['GET', ''])
  })

  it('is the caller’s when the caller wants it', async () => {
    redirectTo('/new')
    const response = await buyer.createFetch({ origins: [first.origin] })(`${first.origin}/old`, { redirect: 'manual' })
    expect(response.status).toBe(302)
    expect(first.last().target).toBe('/old')
  })

  it('is an error when the caller wants none', async () => {
    redirectTo('/new')
    await expect(
      buyer.createFetch({ origins: [first.origin] })(`${first.origin}/old`, { redirect: 'error' }),
    ).rejects.toMatchObject({ code: 'redirect_refused' })
  })

  it('without Location is an answer like any other', async () => {
    answer = () => ({ status: 302, body: 'nowhere' })
    const response = await buyer.createFetch({ origins: [first.origin] })(first.origin)
    expect(await response.text()).toBe('nowhere')
  })

  it('is followed five times and not six', async () => {
    answer = ({ target }) => ({ status: 302, headers: { location: `${target}x` } })
    const count = first.received.length
    await expect(buyer.createFetch({ origins: [first.origin] })(`${first.origin}/old`)).rejects.toMatchObject({
      code: 'too_many_redirects',
    })
    expect(first.received.length - count).toBe(6)
  })
})

describe('an attacker', () => {
  it.each([
    ['an origin that is not allowed', () => `${second.origin}/steal`],
    ['an origin that is not allowed, without a scheme', () => `//${second.authority}/steal`],
    ['the same host by another scheme', () => `https://${first.authority}/steal`],
    ['a name that begins like an allowed one', () => `${first.origin}0/steal`],
    ['an allowed host as user information', () => `http://${first.authority}@evil.test/steal`],
    ['a scheme that is not HTTP', () => 'data:text/plain,steal'],
    ['a blob of an allowed origin', () => `blob:${first.origin}/steal`],
    ['nothing that can be read', () => 'http://[::1/steal'],
  ])('cannot redirect a signature to %s', async (_name, location) => {
    redirectTo(location(), 307)
    const count = second.received.length
    const agentFetch = buyer.createFetch({ origins: [first.origin], authorization: 'Bearer secret' })
    const failure = await agentFetch(`${first.origin}/old`, { method: 'POST', body: 'x' }).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ name: 'AgentFetchError' })
    expect(String(failure)).not.toContain('secret')
    expect(second.received.length).toBe(count)
  })

  it.each([
    [307, 'POST'],
    [308, 'DELETE'],
    [301, 'POST'],
    [302, 'POST'],
    [301, 'PUT'],
    [302, 'PATCH'],
  ])('who owns one allowed origin cannot have an order signed for another: %i, %s', async (status, method) => {
    redirectTo(`${second.origin}/transfers`, status)
    const count = second.received.length
    const agentFetch = buyer.createFetch({ origins: [first.origin, second.origin] })
    await expect(agentFetch(`${first.origin}/old`, { method, body: '{"amount":4200}' })).rejects.toMatchObject({
      code: 'redirect_refused',
      response: { status },
    })
    expect(second.received.length).toBe(count)
  })

  it('cannot make an agent call an origin that is not allowed', async () => {
    const agentFetch = buyer.createFetch({ origins: [first.origin] })
    const count = second.received.length
    await expect(agentFetch(`${second.origin}/x`)).rejects.toMatchObject({ code: 'origin_not_allowed' })
    await expect(agentFetch(new Request(`${second.origin}/x`))).rejects.toMatchObject({ code: 'origin_not_allowed' })
    await expect(agentFetch('/relative')).rejects.toMatchObject({ code: 'request_invalid' })
    expect(second.received.length).toBe(count)
  })

  it('cannot make a host of the name of an allowed one and a scheme', async () => {
    const asked: string[] = []
    const fetch = async (url: string): Promise<Response> => {
      asked.push(url)
      return new Response()
    }
    const agentFetch = buyer.createFetch({
      origins: ['https://api.example.com'],
      authorization: 'Bearer secret',
      fetch,
    })
    await expect(agentFetch('blob:https://api.example.com/x')).rejects.toMatchObject({ code: 'origin_not_allowed' })
    expect(asked).toEqual([])
  })
})
