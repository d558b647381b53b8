import { defineCheck, type GuardOptions } from '@countermark/core'
import { type VerifyDelegationOptions, verifyDelegation } from '@countermark/delegation'
import { memoryReplayStore } from '@countermark/replay'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import {
  type GuardedApp,
  type PlainInput,
  problemOf,
  useGuardedApps,
} from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'
import { createTokenWorld, type TokenWorld } from './token-refusal-cases.ts'

type Place = NonNullable<VerifyDelegationOptions['token']>

const FORWARDED: Place = ({ headers }) => headers.only('x-forwarded-access-token')
const FIRST_LINE: Place = ({ headers }) => headers.lines('x-forwarded-access-token')[0]
const COOKIE: Place = ({ headers }) => /(?:^|; )session=([^;]*)/.exec(headers.only('cookie') ?? '')?.[1]
const QUERY: Place = ({ query }) => /[?&]access_token=([^&]*)/.exec(query ?? '')?.[1]
const PASSWORD: Place = ({ headers }) =>
  Buffer.from(headers.only('authorization')?.slice('Basic '.length) ?? '', 'base64').toString()

/** Lets unsafe methods pass with as little as a token. */
const LOWERED: Partial<GuardOptions> = { minimumLevel: { unsafe: 'bearer' } }

type Headers = NonNullable<PlainInput['headers']>

describeTokenPlaces('Express 4', expressAdapter(express4))
describeTokenPlaces('Express 5', expressAdapter(express))
describeTokenPlaces('Koa 2', koaAdapter(Koa2))
describeTokenPlaces('Koa 3', koaAdapter(Koa))

function describeTokenPlaces<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`a token in another place, ${name}`, () => {
    const startApp = useGuardedApps(adapter, createSignatureChecks)
    let world: TokenWorld
    let text: string

    beforeAll(async () => {
      world = await createTokenWorld()
      text = await world.mint()
    })

    const check = (token: Place, options: Partial<VerifyDelegationOptions> = {}) =>
      verifyDelegation({
        ...{ issuers: [world.issuer.options()], audience: 'https://api.example.com', requirePoP: false, token },
        ...options,
      })
    const start = (token: Place, options: Partial<VerifyDelegationOptions> = {}): Promise<GuardedApp> =>
      startApp({ options: LOWERED, build: ({ guard, handler }) => [guard(check(token, options)), handler] })
    const startSigned = (token: Place): Promise<GuardedApp> =>
      startApp({
        build: ({ guard, checks, handler }) => [guard(checks.verify, checks.once, check(token)), handler],
      })
    const outcomeOf = async (app: GuardedApp, input: PlainInput): Promise<string> => {
      const response = await app.sendPlain({ target: '/orders', ...input })
      return response.status === 200 ? '200' : `${response.status} ${problemOf(response)['code']}`
    }

    it.each<[string, Place, (token: string) => PlainInput]>([
      ['a field of a proxy', FORWARDED, (token) => ({ headers: [['X-Forwarded-Access-Token', token]] })],
      ['a cookie', COOKIE, (token) => ({ headers: [['Cookie', `a=b; session=${token}; c=d`]] })],
      ['the query', QUERY, (token) => ({ target: `/orders?access_token=${token}` })],
      ['a password', PASSWORD, (token) => ({ headers: [['Authorization', `Basic ${encode(token)}`]] })],
    ])('counts: %s', async (_place, place, send) => {
      const app = await start(place)
      expect(await outcomeOf(app, send(text))).toBe('200')
      expect(app.runs[0]?.agent?.delegation?.subject).toBe('user_17')
    })

    it('is asked for there alone', async () => {
      const app = await start(FORWARDED)
      const elsewhere: Headers[] = [[['Authorization', `Bearer ${text}`]], [['Agent-Delegation', text]], []]
      const outcomes = elsewhere.map((headers) => outcomeOf(app, { headers }))
      expect(await Promise.all(outcomes)).toEqual(new Array(3).fill('401 credentials_missing'))
      const both: Headers = [
        ['X-Forwarded-Access-Token', text],
        ['Authorization', 'Bearer of-the-proxy'],
      ]
      expect(await outcomeOf(app, { headers: both })).toBe('200')
    })

    it.each<[string, Place, (token: string) => PlainInput, string]>([
      ['doubled', FORWARDED, (token) => ({ headers: twice(token) }), '401 credentials_missing'],
      ['doubled, and the first line read', FIRST_LINE, (token) => ({ headers: twice(token) }), '400 request_malformed'],
      ['empty', () => '', () => ({}), '401 credentials_missing'],
      ['too long', () => 'x'.repeat(8193), () => ({}), '400 request_malformed'],
      ['no token', () => 'secret', () => ({}), '401 token_malformed'],
      ['a promise', (async () => text) as never, () => ({}), '500 config_error'],
      [
        'here and in the query',
        FORWARDED,
        (token) => ({ target: '/?access_token=a', headers: forwarded(token) }),
        '400 request_malformed',
      ],
    ])('does not count where it is %s', async (_what, place, send, expected) => {
      expect(await outcomeOf(await start(place), send(text))).toBe(expected)
    })

    it('may be bound by DPoP, and is challenged so', async () => {
      const app = await start(FORWARDED, { dpop: { store: memoryReplayStore({ startedAt: 0 }) } })
      const at = Math.floor(Date.now() / 1000)
      const token = await world.mint({ cnf: { jkt: world.prover.thumbprint } })
      const proof = await world.prover.prove({ token, at })
      const wrong = await world.prover.prove({ token, at, claims: { htm: 'PUT' } })
      expect(await outcomeOf(app, { headers: [...forwarded(token), ['DPoP', proof]] })).toBe('200')
      expect(await outcomeOf(app, { headers: forwarded(token) })).toBe('401 token_binding_mismatch')
      const refused = await app.sendPlain({ target: '/orders', headers: [...forwarded(token), ['DPoP', wrong]] })
      expect(refused.header('www-authenticate')).toMatch(/^DPoP realm="api.example.com", error="invalid_dpop_proof"/)
    })

    describe('beside a signature', () => {
      it('counts where the signature covers its place', async () => {
        const app = await startSigned(FORWARDED)
        const headers = { 'X-Forwarded-Access-Token': text }
        const components = ['@method', '@authority', '@path', 'agent-id', 'x-forwarded-access-token']
        expect((await app.send({ target: '/orders', headers, components })).status).toBe(200)
      })

      it('counts in a query that is signed', async () => {
        const app = await startSigned(QUERY)
        expect((await app.send({ target: `/orders?access_token=${text}` })).status).toBe(200)
      })

      it('cannot be added by another caller', async () => {
        const app = await startSigned(FORWARDED)
        const line = ['X-Forwarded-Access-Token', text] as const
        const response = await app.send({ target: '/orders', tamper: { headerLines: (lines) => [...lines, line] } })
        expect(problemOf(response)['code']).toBe('coverage_insufficient')
      })
    })

    describe('an attacker with a page of another origin', () => {
      const post = async (place: Place, headers: Headers): Promise<string> =>
        outcomeOf(await start(place), { method: 'POST', headers })

      it('cannot change anything with a cookie or a password that the browser sends', async () => {
        const refused = '401 scheme_not_allowed'
        expect(await post(COOKIE, [['Cookie', `session=${text}`]])).toBe(refused)
        expect(await post(PASSWORD, [['Authorization', `Basic ${encode(text)}`]])).toBe(refused)
        expect(await post(FORWARDED, forwarded(text))).toBe('200')
      })

      it('cannot when another check has said who calls', async () => {
        const known = defineCheck<object, object>({ name: 'session', needs: [], adds: ['agent'] }, () => ({
          agent: { id: 'agt_buyer', level: 'bound', scheme: 'mtls', record: { id: 'agt_buyer', state: 'active' } },
        }))
        const app = await startApp({
          options: LOWERED,
          build: ({ guard, handler }) => [guard(known, check(COOKIE)), handler],
        })
        const input = { method: 'DELETE', headers: [['Cookie', `session=${text}`]] } as const
        expect(await outcomeOf(app, input)).toBe('401 scheme_not_allowed')
      })
    })
  })
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

function forwarded(token: string): Headers {
  return [['X-Forwarded-Access-Token', token]]
}

function twice(token: string): Headers {
  return [...forwarded(token), ...forwarded('another')]
}
