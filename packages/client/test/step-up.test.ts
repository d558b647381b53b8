import { AgentFetchError, type AgentFetchSettings, type AgentToken, type TokenSource } from '../src/index.ts'
import type { TokenRequest } from '../src/tokens/agent-token.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type Answer, type ReceivedRequest, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let server: RecordingServer
let answers: Answer[]
let asked: TokenRequest[]
let start = 0

beforeAll(async () => {
  server = await startRecordingServer(() => answers.shift() ?? { body: 'ok' })
})
afterAll(() => server.close())
beforeEach(async () => {
  buyer = await createAgentWithKey()
  answers = []
  asked = []
  start = server.received.length
})

/** A token for each set of scopes; another one when it is refused. */
const source: TokenSource = (request) => {
  asked.push(request)
  const { scopes = [], refused, authentication } = request
  const words = [...scopes, ...(authentication === undefined ? [] : ['fresh'])]
  const value = ['t', ...words, ...(refused === undefined ? [] : ['new'])].join('-').replaceAll(':', '.')
  return { value, scheme: 'Bearer' }
}
const tries = (): readonly ReceivedRequest[] => server.received.slice(start)
const sent = (): readonly unknown[] => tries().map(({ headers }) => headers.only('authorization'))
const send = (options: Partial<AgentFetchSettings> = {}, init: RequestInit = {}): Promise<Response> =>
  buyer.createFetch({ origins: [server.origin], token: source, mayAskFor: ['b', 'c'], ...options })(server.origin, init)

const challenge = (value: string, status = 403): Answer => ({ status, headers: { 'www-authenticate': value } })
const wants = (scope: string): Answer => challenge(`Bearer error="insufficient_scope", scope="${scope}"`)
const refusing = (code: string, status = 401): Answer => ({
  status,
  headers: {
    'content-type': 'application/problem+json',
    'www-authenticate': `Bearer error="invalid_token", error_description="${code}"`,
  },
  body: JSON.stringify({ code, retry: 'no', status }),
})

describe('a service that wants more scopes', () => {
  it('gets them once, for an order too, and is remembered', async () => {
    answers = [wants('b')]
    const agentFetch = buyer.createFetch({ origins: [server.origin], token: source, mayAskFor: ['b'] })
    expect((await agentFetch(server.origin, { method: 'POST', body: 'order' })).status).toBe(200)
    await agentFetch(server.origin)
    expect(sent()).toEqual(['Bearer t', 'Bearer t-b', 'Bearer t-b'])
    expect(tries().map(({ body }) => body.toString())).toEqual(['order', 'order', ''])
    for (const request of tries()) server.verify(buyer.publicKey, request, buyer.clock.wallMs())
  })

  it('gets them beside those that it got before', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin], token: source, mayAskFor: ['b', 'c'] })
    answers = [wants('b'), {}, wants('c')]
    await agentFetch(server.origin)
    await agentFetch(server.origin)
    expect(sent().at(-1)).toBe('Bearer t-b-c')
  })

  it('may name what the token has already, and gets the rest', async () => {
    const held: TokenSource = (request) => ({ ...(source(request) as AgentToken), scopes: ['a'] })
    answers = [wants('a b')]
    expect((await send({ token: held, mayAskFor: ['b'] })).status).toBe(200)
    expect(asked.at(-1)?.scopes).toEqual(['b'])
  })

  it('gets nothing by naming what no token has and mayAskFor does not allow', async () => {
    const held: TokenSource = (request) => ({ ...(source(request) as AgentToken), scopes: ['a'] })
    answers = [wants('a b z')]
    expect((await send({ token: held, mayAskFor: ['b'] })).status).toBe(403)
    expect(tries().length).toBe(1)
  })

  it('gets what a function allows for its origin', async () => {
    answers = [wants('dns:zone_1:write')]
    await send({ mayAskFor: (scope, origin) => origin === server.origin && scope.startsWith('dns:') })
    expect(asked.at(-1)?.scopes).toEqual(['dns:zone_1:write'])
    expect(tries().length).toBe(2)
  })

  it('is answered by the caller when there is no wider token', async () => {
    answers = [wants('b')]
    const refused: TokenSource = ({ scopes }) => {
      if (scopes === undefined) return { value: 't', scheme: 'Bearer' }
      throw new AgentFetchError('token_refused', 'no', { oauthError: 'invalid_scope' })
    }
    expect((await send({ token: refused })).status).toBe(403)
  })

  it('gets what is left when it is not granted any more', async () => {
    answers = [wants('b')]
    let isGranted = true
    const token: TokenSource = ({ scopes }) => {
      if (scopes !== undefined && !isGranted) throw new AgentFetchError('token_refused', 'no')
      return { value: scopes === undefined ? 't' : 'wide', scheme: 'Bearer' }
    }
    const agentFetch = buyer.createFetch({ origins: [server.origin], token, mayAskFor: ['b'] })
    await agentFetch(server.origin)
    isGranted = false
    await agentFetch(server.origin)
    expect(sent()).toEqual(['Bearer t', 'Bearer wide', 'Bearer t'])
  })
})

describe('a service that wants the user to log in anew', () => {
  it('has its wish told to the source of tokens', async () => {
    answers = [
      challenge('Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="60"', 401),
    ]
    expect((await send()).status).toBe(200)
    expect(asked.at(-1)).toEqual({
      origin: server.origin,
      scopes: [],
      authentication: { acrValues: ['gold', 'silver'], maxAgeSeconds: 60 },
    })
    expect(sent()).toEqual(['Bearer t', 'Bearer t-fresh'])
  })
})

describe('a token that is not taken any more', () => {
  it.each(['token_expired', 'token_invalid', 'token_revoked'])('is replaced once after %s', async (code) => {
    answers = [refusing(code), refusing(code)]
    expect((await send({}, { method: 'POST', body: 'order' })).status).toBe(401)
    expect(sent()).toEqual(['Bearer t', 'Bearer t-new'])
  })

  it('is replaced after invalid_token of another service', async () => {
    answers = [challenge('Bearer error="invalid_token"', 401)]
    expect((await send()).status).toBe(200)
  })

  it.each(['token_audience', 'token_binding_mismatch', 'chain_invalid', 'actor_mismatch'])(
    'is not replaced after %s, which another would not cure',
    async (code) => {
      answers = [refusing(code)]
      expect((await send()).status).toBe(401)
      expect(tries().length).toBe(1)
    },
  )

  it('is the caller’s business when the caller sent it', async () => {
    answers = [refusing('token_expired')]
    expect((await send({}, { headers: { authorization: 'Bearer own' } })).status).toBe(401)
    expect(asked).toEqual([])
  })

  it('leaves the refusal as the answer when there is no other', async () => {
    answers = [refusing('token_expired')]
    const token: TokenSource = ({ refused }) => {
      if (refused !== undefined) throw new Error('away')
      return { value: 't', scheme: 'Bearer' }
    }
    expect((await send({ token })).status).toBe(401)
  })
})

describe('an attacker', () => {
  it.each([
    ['a scope that is not allowed', 'a'],
    ['one beside one that is allowed', 'b admin'],
    ['more scopes than are read', Array.from({ length: 33 }, (_, index) => `s${index}`).join(' ')],
    ['what is no scope', 'b \\"'],
  ])('cannot talk an agent into %s', async (_name, scope) => {
    answers = [wants(scope)]
    expect((await send()).status).toBe(403)
    expect(asked.map(({ scopes }) => scopes)).toEqual([undefined])
  })

  it('cannot talk an agent into anything by default', async () => {
    answers = [wants('b')]
    expect((await send({ mayAskFor: [] })).status).toBe(403)
    expect(tries().length).toBe(1)
  })

  it('cannot grow what is asked for without end, whatever a function allows', async () => {
    const agentFetch = buyer.createFetch({ origins: [server.origin], token: source, mayAskFor: () => true })
    const batch = (name: string): Answer => wants(Array.from({ length: 30 }, (_, index) => `${name}${index}`).join(' '))
    answers = [batch('x'), {}, batch('y'), {}, batch('z')]
    for (let round = 0; round < 3; round++) await agentFetch(server.origin)
    expect(Math.max(...asked.map(({ scopes = [] }) => scopes.length))).toBe(60)
  })

  it('cannot keep an agent stepping up', async () => {
    answers = [wants('b'), wants('c'), wants('b c')]
    expect((await send()).status).toBe(403)
    expect(tries().length).toBe(2)
  })

  it('cannot have the same token sent again', async () => {
    answers = [wants('b'), refusing('token_expired')]
    const token: TokenSource = () => ({ value: 't', scheme: 'Bearer' })
    expect((await send({ token })).status).toBe(403)
    expect((await send({ token })).status).toBe(401)
    expect(tries().length).toBe(2)
  })

  it('cannot mix challenges into a loop', async () => {
    const nonce = { ...refusing('freshness_unproven') }
    const fresh = (index: number): Answer => ({
      ...nonce,
      headers: { 'accept-signature': `sig1=("@method" "@authority" "@path");nonce="n${index}"`, 'content-type': 'x/y' },
    })
    answers = Array.from({ length: 40 }, (_, index) => [fresh(index), refusing('token_expired'), wants('b')]).flat()
    await send()
    expect(tries().length).toBeLessThanOrEqual(7)
  })

  it('gets no token by way of a redirect to another origin', async () => {
    const other = await startRecordingServer()
    answers = [{ status: 302, headers: { location: other.origin } }]
    await expect(send()).rejects.toMatchObject({ code: 'origin_not_allowed' })
    expect(other.received).toEqual([])
    answers = [{ status: 302, headers: { location: other.origin } }]
    const token: TokenSource = ({ origin }) => ({
      value: origin === server.origin ? 'mine' : 'theirs',
      scheme: 'Bearer',
    })
    await send({ token, origins: [server.origin, other.origin] })
    await other.close()
    expect(other.last().headers.only('authorization')).toBe('Bearer theirs')
  })

  it('gets no approval ticket by way of a redirect', async () => {
    const other = await startRecordingServer()
    answers = [{ status: 302, headers: { location: other.origin } }]
    await send({ origins: [server.origin, other.origin] }, { headers: { 'Approval-Ticket': 'x' } })
    await other.close()
    expect(other.last().headers.has('approval-ticket')).toBe(false)
  })

  it('reads no token in an error', async () => {
    const canary = 'canary\u0000'
    const broken: readonly unknown[] = [
      { value: canary, scheme: 'Bearer' },
      { value: 'canary', scheme: 'canary' },
      { value: 'canary', scheme: 'Bearer', expiresAt: 'canary' },
      undefined,
      'canary',
    ]
    for (const token of broken) {
      const error = await send({ token: () => token as never }).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'token_unusable' })
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary')
    }
    expect(tries()).toEqual([])
  })
})

describe('a source that fails', () => {
  it('is told apart from the service', async () => {
    const cause = new Error('vault sealed')
    await expect(send({ token: () => Promise.reject(cause) })).rejects.toMatchObject({
      code: 'token_unavailable',
      cause,
    })
    expect(tries()).toEqual([])
  })

  it('is not waited for after the caller gave up', async () => {
    const token: TokenSource = () => new Promise(() => undefined)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(send({ token }, { signal })).rejects.toThrow('enough')
  })
})
