import { generateKeyPairSync } from 'node:crypto'
import { connect } from 'node:net'
import { apiKeys, hashApiKey } from '@countermark/api-keys'
import { requireCapability } from '@countermark/capability'
import {
  type Check,
  defineCheck,
  type GuardOptions,
  type HeaderField,
  Refusal,
  type RefusalCode,
} from '@countermark/core'
import { type GuardFactory, REFUSAL_CODES } from '@countermark/core/internal'
import { verifyDelegation } from '@countermark/delegation'
import { createGuard as createExpressGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { memoryReplayStore } from '@countermark/replay'
import {
  type AdapterUnderTest,
  createTestAgent,
  keySourceOf,
  rawRequest,
  startServer,
  type TestAgent,
} from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { codesOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { answeringExpress, answeringKoa, type BuildAnswering } from './answering-apps.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { REFUSAL_CASES, type RefusalCase } from './refusal-cases.ts'
import { createSignatureChecks } from './signature-checks.ts'
import { createTokenCheck, createTokenWorld, TOKEN_REFUSAL_CASES, type TokenWorld } from './token-refusal-cases.ts'

const ORIGIN: HeaderField = ['Origin', 'https://app.example']
const KEY = 'ak_2h7Qw9xZ4mN8'

/** A request line, fields and content, and what is asked to be answered. */
interface Asked {
  readonly method?: string
  readonly target: string
  readonly headers?: readonly HeaderField[]
  readonly body?: string
}

const GZIP: HeaderField = ['Accept-Encoding', 'gzip']
const JSON_TYPE: HeaderField = ['Content-Type', 'application/json']

/** Every way in which an application answers. */
const ANSWERS: readonly (readonly [what: string, asked: Asked])[] = [
  ['a document', { target: '/json' }],
  ['the head of a document', { method: 'HEAD', target: '/json' }],
  ['a compressed text', { target: '/large', headers: [GZIP] }],
  ['the head of a compressed text', { method: 'HEAD', target: '/large', headers: [GZIP] }],
  ['a stream', { target: '/stream' }],
  ['the head of a stream', { method: 'HEAD', target: '/stream' }],
  ['events', { target: '/events' }],
  ['nothing', { target: '/empty' }],
  ['a redirection', { target: '/redirect' }],
  ['what the client has', { target: '/cached', headers: [['If-None-Match', '"v1"']] }],
  ['cookies', { target: '/cookie' }],
  ['an error', { target: '/boom' }],
  ['a refusal of its own', { target: '/denied' }],
  ['a path that there is not', { target: '/missing' }],
  ['content', { method: 'POST', target: '/echo', headers: [JSON_TYPE], body: '{"amount":4200}' }],
  ['content that is no JSON', { method: 'POST', target: '/echo', headers: [JSON_TYPE], body: '{"amount":' }],
  [
    'content that the client holds back until it is asked for it',
    { method: 'POST', target: '/echo', headers: [JSON_TYPE, ['Expect', '100-continue']], body: '{"amount":1}' },
  ],
]

/** How a request becomes one that would be refused, or allowed. */
type Spoil = (asked: Asked) => readonly Buffer[]

const plainly =
  (...more: readonly HeaderField[]): Spoil =>
  ({ method = 'GET', target, headers = [], body }) => {
    const host: readonly HeaderField[] = more.some(([name]) => name === 'Host') ? [] : [['Host', 'api.example.com']]
    const content = body === undefined ? undefined : Buffer.from(body)
    return [rawRequest({ method, target, headerLines: [...host, ORIGIN, ...headers, ...more], body: content })]
  }

const oversized: readonly HeaderField[] = Array.from({ length: 250 }, (_, index) => [`X-Filler-${index}`, 'x'])

const SPOILED: readonly (readonly [how: string, spoil: Spoil])[] = [
  ['unsigned', plainly()],
  [
    'with a signature that is none',
    plainly(['Signature-Input', 'sig1=("@method");created=1'], ['Signature', 'sig1=:AAAA:']),
  ],
  ['with fields that are no signature', plainly(['Signature-Input', 'sig1=('], ['Signature', 'x'])],
  ['with simple fields', plainly(['Agent-ID', 'agt_a'], ['Timestamp', '1'], ['Nonce', 'n'], ['Signature', 'AAAA'])],
  ['with a token that is none', plainly(['Authorization', 'Bearer none'])],
  ['with a proof that is none', plainly(['Authorization', 'DPoP none'], ['DPoP', 'none'])],
  ['with an API key that has ended', plainly(['X-API-Key', KEY])],
  ['with an API key that is not known', plainly(['X-API-Key', 'ak_unknown'])],
  ['for another host', plainly(['Host', 'evil.example'])],
  ['with a doubled field', plainly(['Agent-ID', 'a'], ['Agent-ID', 'b'])],
  ['with too many fields', plainly(...oversized)],
  ['with another method in a field', plainly(['X-HTTP-Method-Override', 'DELETE'])],
]

/** What a connection brought, to the byte; the time of the answer is taken out. */
function exchange(port: number, bytes: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.on('end', () => socket.end())
    socket.on('close', () =>
      resolve(
        Buffer.concat(received)
          .toString('latin1')
          .replaceAll(/^Date: .*$/gm, 'Date: …'),
      ),
    )
    socket.on('error', reject)
    socket.write(Buffer.concat(bytes))
  })
}

const issuerKey = (): object => ({
  keys: [{ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'a' }],
})

/** Everything that challenges, announces or exposes something, in guards that only observe. */
function observingGuards<Handler>(guard: GuardFactory<Handler>, agent: TestAgent): readonly Handler[] {
  const { verify, once } = createSignatureChecks(keySourceOf(agent))
  const store = memoryReplayStore({ startedAt: 0 })
  const keys = { jwks: issuerKey() as never }
  const delegated = verifyDelegation({
    ...{ issuers: [{ issuer: 'https://auth.example.com', keys }], audience: 'https://api.example.com' },
    ...{ dpop: { store, nonce: 'required' }, resourceMetadata: '/.well-known/oauth-protected-resource' },
  })
  const sha256 = hashApiKey(KEY)
  const lookup = (hash: string) => (hash === sha256 ? { sha256, agent: 'agt_legacy' } : undefined)
  const ended = {
    deprecated: '2020-01-01T00:00:00Z',
    sunset: '2021-01-01T00:00:00Z',
    documentation: 'https://a.example/',
  }
  const browned = { ...ended, sunset: '2999-01-01T00:00:00Z' }
  return [
    guard(verify, once, delegated as never),
    guard(apiKeys({ lookup, ...ended })),
    guard(apiKeys({ lookup, ...browned })),
    guard(requireCapability('orders:read') as never),
  ]
}

const WATCHED: readonly Partial<GuardOptions>[] = [
  { mode: 'observe' },
  { enforce: { percent: 0 }, statusMode: 'wba', errorDetail: 'full', development: true },
]

function describeAnswers<Handler>(
  name: string,
  build: BuildAnswering<Handler>,
  createGuard: (options: GuardOptions) => GuardFactory<Handler>,
): void {
  describe(`an observed application on ${name}`, () => {
    let plain: Awaited<ReturnType<typeof startServer>>
    let observed: readonly Awaited<ReturnType<typeof startServer>>[]
    const codes: (string | undefined)[] = []
    let silent: jest.SpyInstance

    beforeAll(async () => {
      // Express writes errors of handlers to it.
      silent = jest.spyOn(console, 'error').mockImplementation(() => undefined)
      const agent = await createTestAgent({ agentId: 'agt_buyer' })
      const onRefusal: NonNullable<GuardOptions['onRefusal']> = ({ refusal }) => void codes.push(refusal?.code)
      plain = await startServer(build([]))
      observed = await Promise.all(
        WATCHED.map((options) => {
          const guard = createGuard({ origins: ['api.example.com'], onRefusal, sourceLimit: 'off', ...options })
          return startServer(build(observingGuards(guard, agent)))
        }),
      )
    })
    afterAll(async () => {
      silent.mockRestore()
      await Promise.all([plain, ...observed].map((server) => server.close()))
    })

    /** Answers by what was asked for. */
    async function answersOf(port: number, spoil: Spoil): Promise<Readonly<Record<string, string>>> {
      const answered = ANSWERS.map(async ([what, asked]) => [what, await exchange(port, spoil(asked))] as const)
      return Object.fromEntries(await Promise.all(answered))
    }

    it.each(SPOILED)('answers as it would unguarded, asked %s', async (_how, spoil) => {
      codes.length = 0
      const before = await answersOf(plain.port, spoil)
      const after = await Promise.all(observed.map(({ port }) => answersOf(port, spoil)))
      expect(
        Object.values(before)
          .join('\n')
          .match(/^HTTP\/1\.1 [2345]\d\d /gm),
      ).toHaveLength(ANSWERS.length)
      expect(after).toEqual(WATCHED.map(() => before))
      expect(codes.length).toBeGreaterThanOrEqual(WATCHED.length * ANSWERS.length)
    })

    it('answers a preflight as it would unguarded', async () => {
      const asking: HeaderField = ['Access-Control-Request-Method', 'POST']
      const bytes = plainly(asking)({ method: 'OPTIONS', target: '/json' })
      const before = await exchange(plain.port, bytes)
      const after = await Promise.all(observed.map(({ port }) => exchange(port, bytes)))
      expect([before, ...after]).toEqual([before, ...WATCHED.map(() => before)])
    })

    it('keeps a connection as it would unguarded', async () => {
      const one = Buffer.from('GET /json HTTP/1.1\r\nHost: api.example.com\r\n\r\n')
      const last = Buffer.from('GET /stream HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')
      const before = await exchange(plain.port, [one, one, last])
      const after = await Promise.all(observed.map(({ port }) => exchange(port, [one, one, last])))
      expect(before.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
      expect(after).toEqual(WATCHED.map(() => before))
    })
  })
}

describeAnswers('Express 5', answeringExpress(express), createExpressGuard)
describeAnswers('Express 4', answeringExpress(express4), createExpressGuard)
describeAnswers('Koa 3', answeringKoa(Koa), createKoaGuard)
describeAnswers('Koa 2', answeringKoa(Koa2), createKoaGuard)

const CASES = Object.entries(REFUSAL_CASES) as readonly (readonly [RefusalCode, RefusalCase])[]
const CODES = Object.keys(REFUSAL_CODES) as readonly RefusalCode[]

function describeRefusals<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  const options = { mode: 'observe' } as const

  describe(`${name}, where a guard only observes`, () => {
    let world: TokenWorld
    beforeAll(async () => {
      world = await createTokenWorld()
    })

    describe.each(CASES)('%s', (code, { ask, checks = createSignatureChecks, input }) => {
      const start = useGuardedApps(adapter, checks)

      it('is not to be seen in the answer', async () => {
        const { options: own } = input?.<Middleware>() ?? {}
        const answer = adapter.answer(() => ({ same: true }))
        const bare = await start({ build: () => [answer] })
        const watched = await start({
          options: { ...own, ...options },
          build: ({ guard, verified }) => [code === 'config_error' ? guard() : verified(), answer],
        })
        // What waits for the guard to be busy would wait for ever where there is none.
        const before = await (code === 'overloaded' ? bare.send({}) : ask(bare))
        const after = await ask(watched)
        expect([codesOf(watched).at(-1), after.status, answerOf(after)]).toEqual([code, 200, answerOf(before)])
      })
    })

    describe.each(TOKEN_REFUSAL_CASES)('%s of a token', (code, refusal) => {
      const start = useGuardedApps(adapter, createSignatureChecks)
      it('is not to be seen in the answer', async () => {
        const answer = adapter.answer(() => ({ same: true }))
        const bare = await start({ build: () => [answer] })
        const watched = await start({
          options,
          build: ({ guard, checks }) => {
            const tokens = createTokenCheck(world, refusal)
            return [refusal.isSigned ? guard(checks.verify, checks.once, tokens) : guard(tokens), answer]
          },
        })
        const [before, after] = [await refusal.ask(bare, world), await refusal.ask(watched, world)]
        expect([codesOf(watched).at(-1), after.status, answerOf(after)]).toEqual([code, 200, answerOf(before)])
      })
    })

    describe('every code of the table', () => {
      const start = useGuardedApps(adapter, createSignatureChecks)

      it.each(CODES)('%s changes nothing', async (code) => {
        const answer = adapter.answer(() => ({ same: true }))
        const refuse: Check = defineCheck({ name: 'refuse', needs: [], adds: [], challenge: () => CHALLENGES }, () => {
          throw new Refusal(code, 'refused', { retryAfterSeconds: 7, members: { more: 1 } })
        })
        const bare = await start({ build: () => [answer] })
        const watched = await start({ options, build: ({ guard }) => [guard(refuse), answer] })
        const request = { headers: [ORIGIN] }
        const [before, after] = [await bare.sendPlain(request), await watched.sendPlain(request)]
        expect([codesOf(watched), after.status, answerOf(after)]).toEqual([[code], 200, answerOf(before)])
      })
    })
  })
}

const CHALLENGES: readonly HeaderField[] = [
  ['WWW-Authenticate', 'Signature realm="a"'],
  ['DPoP-Nonce', 'n'],
  ['Vary', 'Signature'],
]

interface Answered {
  readonly headerLines: readonly HeaderField[]
  readonly text: string
}

/** Fields with their names, order and values, and the content. */
function answerOf({ headerLines, text }: Answered): unknown {
  return { text, fields: headerLines.filter(([field]) => field !== 'Date') }
}

describeRefusals('Express 5', expressAdapter(express))
describeRefusals('Express 4', expressAdapter(express4))
describeRefusals('Koa 3', koaAdapter(Koa))
describeRefusals('Koa 2', koaAdapter(Koa2))
