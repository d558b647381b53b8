import { hash } from 'node:crypto'
import { memoryReplayStore } from '@countermark/replay'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import { SignJWT } from 'jose'
import Koa from 'koa'
import type { Members } from '../../packages/delegation/test/token-issuer.ts'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'
import { createTokenCheck, createTokenWorld, type TokenRefusalCase, type TokenWorld } from './token-refusal-cases.ts'

type Attack = readonly [
  row: string,
  how: string,
  expected: string,
  make: (world: TokenWorld) => string | Promise<string>,
]

const now = (): number => Math.floor(Date.now() / 1000)
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with a header that no issuer signs, the signature borrowed from a good one. */
async function withHeader({ mint }: TokenWorld, header: Members): Promise<string> {
  const [, payload, signature] = (await mint()).split('.')
  return `${encode({ alg: 'EdDSA', kid: 'EdDSA-1', typ: 'at+jwt', ...header })}.${payload}.${signature}`
}

/** Signed by the issuer, with a payload as given. */
function raw({ issuer }: TokenWorld, edit: (json: string) => string): Promise<string> {
  const claims = {
    iss: issuer.issuer,
    sub: 'user_17',
    aud: 'https://api.example.com',
    jti: 'dlg_1',
    scope: 'orders:read',
  }
  return issuer.mintRaw(
    edit(JSON.stringify({ ...claims, act: { sub: 'agt_buyer' }, iat: now() - 1, exp: now() + 600 })),
  )
}

function withExp(world: TokenWorld, exp: string): Promise<string> {
  return raw(world, (json) => json.replace(/"exp":\d+/, `"exp":${exp}`))
}

/** The catalogue's group A, one request each: what is refused, with which code. */
const ATTACKS: readonly Attack[] = [
  ...['raw', 'jwk'].map(
    (form): Attack => [
      'A1',
      `the public key as a secret: ${form}`,
      'token_invalid',
      (world) => signedWithPublicKey(world, form),
    ],
  ),
  ...['none', 'None', 'eddsa', 'ES256', 'RS256'].map(
    (alg): Attack => ['A2, A3', `alg ${alg}`, 'token_invalid', (world) => withHeader(world, { alg })],
  ),
  ['A3', 'no signature', 'token_malformed', async ({ mint }) => `${(await mint()).split('.').slice(0, 2).join('.')}.`],
  ...['jwk', 'jku', 'x5u', 'x5c'].map(
    (member): Attack => [
      'A4',
      `its own ${member}`,
      'token_malformed',
      (world) => withHeader(world, { [member]: 'https://evil.example/jwks' }),
    ],
  ),
  ...['../../dev/null', "' OR 1=1--", '__proto__', 'constructor'].map(
    (kid): Attack => ['A5', `kid ${kid}`, 'token_invalid', (world) => withHeader(world, { kid })],
  ),
  ['A5', 'kid of 300 characters', 'token_malformed', (world) => withHeader(world, { kid: 'k'.repeat(300) })],
  ['A6', 'an unknown crit', 'token_malformed', (world) => withHeader(world, { crit: ['foo'], foo: 1 })],
  ...[
    undefined,
    null,
    [],
    { 0: 'https://api.example.com' },
    [['https://api.example.com']],
    [null, 'https://api.example.com'],
  ].map((aud): Attack => ['A7', `aud ${JSON.stringify(aud)}`, 'token_audience', ({ mint }) => mint({ aud })]),
  ...[
    ['https://auth.example.com'],
    'https://auth.example.com/',
    'HTTPS://auth.example.com',
    'https://auth.exаmple.com',
  ].map((iss): Attack => ['A8', `iss ${JSON.stringify(iss)}`, 'token_invalid', ({ mint }) => mint({ iss })]),
  ...Object.entries({
    null: 'token_invalid',
    '"1999999999"': 'token_invalid',
    '1e400': 'token_malformed',
    '1999999999.5': 'token_expired',
    '-1': 'token_expired',
  }).map(([exp, code]): Attack => ['A9', `exp ${exp}`, code, (world) => withExp(world, exp)]),
  ['A9', 'exp in 8 000 years', 'token_expired', ({ mint }) => mint({ exp: 253_402_300_799 })],
  ['A9', 'exp a second ago', 'token_expired', ({ mint }) => mint({ exp: now() - 1 })],
  ['A9', 'iat in five minutes', 'token_expired', ({ mint }) => mint({ iat: now() + 300 })],
  ...['JWT', 'dpop+jwt', 'logout+jwt', 'txntoken+jwt', 'statuslist+jwt', undefined].map(
    (typ): Attack => ['A10', `type ${typ}`, 'token_invalid', ({ mint }) => mint({}, { typ })],
  ),
  ['A15', 'two subjects', 'token_malformed', (world) => raw(world, (json) => json.replace('{', '{"sub":"admin",'))],
]

describeAttacker('Express', expressAdapter(express))
describeAttacker('Koa', koaAdapter(Koa))

function describeAttacker<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`an attacker of ${name} with a token`, () => {
    const startApp = useGuardedApps(adapter, createSignatureChecks)
    let world: TokenWorld
    const start = (options: TokenRefusalCase['options'] = () => ({})): Promise<GuardedApp> =>
      startApp({
        build: ({ guard, handler }) => [guard(createTokenCheck(world, { options, ask: ask('') })), handler],
      })

    beforeAll(async () => {
      world = await createTokenWorld()
    })

    it.each(ATTACKS)('%s: cannot use %s', async (_row, _how, code, make) => {
      const app = await start()
      expect([outcomeOf(await ask(await make(world))(app, world)), app.runs.length]).toEqual([`401 ${code}`, 0])
    })

    it('A1–A10: the token that all of these were made of passes', async () => {
      expect(outcomeOf(await ask(await world.mint())(await start(), world))).toBe('200')
    })

    it.each([
      ['as a bearer token', 'Bearer', () => undefined, '401 token_binding_mismatch'],
      ['with a proof by another key', 'DPoP', proofOfAnother, '401 token_binding_mismatch'],
      ['with a proof that names no token', 'DPoP', proofWith({ ath: undefined }), '401 token_binding_mismatch'],
      [
        'with a proof for another token',
        'DPoP',
        proofWith({ ath: hash('sha256', 'x', 'base64url') }),
        '401 token_binding_mismatch',
      ],
    ] as const)('A11: cannot use a bound token %s', async (_how, scheme, prove, expected) => {
      const app = await start(withDpop)
      const token = await world.mint({ cnf: { jkt: world.prover.thumbprint } })
      expect([outcomeOf(await ask(token, scheme, await prove(world, token))(app, world)), app.runs.length]).toEqual([
        expected,
        0,
      ])
    })

    it.each([
      ['Basic', '401 credentials_missing'],
      ['Token', '401 credentials_missing'],
      ['Bearer a', '401 token_malformed'],
      ['Bearer ', '401 token_malformed'],
    ])('A12: cannot write %j in front of it', async (scheme, expected) => {
      expect(outcomeOf(await ask(await world.mint(), scheme)(await start(), world))).toBe(expected)
    })

    it('A13: gets nothing from a verifier that remembers it for another audience', async () => {
      const token = await world.mint()
      const [own, other] = [await start(), await start(() => ({ audience: 'https://other.example.com' }))]
      const outcomes = [own, other, own, other].map(async (app) => outcomeOf(await ask(token)(app, world)))
      expect(await Promise.all(outcomes)).toEqual(['200', '401 token_audience', '200', '401 token_audience'])
    })

    it('A14: cannot use up the jti of another client’s proof', async () => {
      const app = await start(withDpop)
      const mallory = await createTokenWorld()
      const stolen = { ...world, prover: mallory.prover }
      const outcomes: string[] = []
      for (const prover of [stolen, world, world]) {
        const token = await world.mint({ cnf: { jkt: prover.prover.thumbprint } })
        const proof = await proofWith({ jti: 'the same', ath: hash('sha256', token, 'base64url') })(prover, token)
        outcomes.push(outcomeOf(await ask(token, 'DPoP', proof)(app, world)))
      }
      expect(outcomes).toEqual(['200', '200', '401 replay_detected'])
    })

    it('A15: cannot give everything a property by a claim called __proto__', async () => {
      const poisoned = await raw(world, (json) => json.replace('{', '{"__proto__":{"scope":"*"},'))
      await ask(poisoned)(await start(), world)
      expect(Object.hasOwn(Object.prototype, 'scope') || 'scope' in {}).toBe(false)
    })
  })
}

function ask(token: string, scheme = 'Bearer', proof?: string): TokenRefusalCase['ask'] {
  const fields = [
    ['Authorization', `${scheme} ${token}`],
    ...(proof === undefined ? [] : [['DPoP', proof] as const]),
  ] as const
  return (app) => app.sendPlain({ target: '/orders', headers: fields.map(([name, value]) => [name, value] as const) })
}

const withDpop: TokenRefusalCase['options'] = () => ({ dpop: { store: memoryReplayStore({ startedAt: 0 }) } })

function proofWith(claims: Members) {
  return ({ prover }: TokenWorld, token: string): Promise<string> => prover.prove({ token, at: now(), claims })
}

async function proofOfAnother(_world: TokenWorld, token: string): Promise<string> {
  return proofWith({})(await createTokenWorld(), token)
}

async function signedWithPublicKey({ issuer }: TokenWorld, form: string): Promise<string> {
  const [jwk] = issuer.jwks.keys
  const secret = form === 'raw' ? Buffer.from(String(jwk?.x), 'base64url') : Buffer.from(JSON.stringify(jwk))
  const claims = {
    iss: issuer.issuer,
    sub: 'user_17',
    aud: 'https://api.example.com',
    jti: 'x',
    act: { sub: 'agt_buyer' },
  }
  return new SignJWT({ ...claims, iat: now() - 1, exp: now() + 600 })
    .setProtectedHeader({ alg: 'HS256', kid: issuer.keyId, typ: 'at+jwt' })
    .sign(secret)
}
