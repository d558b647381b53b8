import { capabilityRules, requireCapability } from '@countermark/capability'
import { createRevocations, verifyDelegation } from '@countermark/delegation'
import { memoryReplayStore } from '@countermark/replay'
import type { AdapterUnderTest, RawResponse } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { parseChallenges } from '../../packages/client/src/challenges/www-authenticate.ts'
import type { Members } from '../../packages/delegation/test/token-issuer.ts'
import { type GuardedApp, problemOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { aRefund, limits, REFUND } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { REFUSAL_CASES, type RefusalCase, type TableCode } from './refusal-cases.ts'
import { createSignatureChecks } from './signature-checks.ts'
import { createTokenWorld, type TokenWorld } from './token-refusal-cases.ts'

/** What a guard with every check answers, besides the code. Lists stand for what is sent in this order. */
interface Expected {
  /** Each scheme, with its error where it has one. */
  readonly schemes?: readonly string[]
  /** `Signature-Error`. */
  readonly error?: string
  /** What else of Accept-Signature, Want-Content-Digest and DPoP-Nonce. */
  readonly also?: readonly string[]
}

const METADATA = '/.well-known/oauth-protected-resource'
const SIGNATURES = ['signature', 'agent-auth']
const RESIGN = { schemes: SIGNATURES, also: ['accept-signature'] }
const RESIGN_CONTENT = { schemes: SIGNATURES, also: ['accept-signature', 'want-content-digest'] }
const NOTHING: Expected = {}

/** By code: what is answered where the signature is at fault, or the request before it. */
const SIGNATURE_TABLE: Readonly<Record<string, Expected>> = {
  credentials_missing: { schemes: ['bearer', ...SIGNATURES, 'dpop'], also: ['accept-signature'] },
  scheme_not_allowed: { ...RESIGN_CONTENT, schemes: ['bearer', ...SIGNATURES, 'dpop'], error: 'unsupported_scheme' },
  request_malformed: { error: 'invalid_request' },
  headers_too_large: NOTHING,
  authority_mismatch: NOTHING,
  signature_malformed: { error: 'invalid_signature' },
  signature_expired: { ...RESIGN, error: 'invalid_signature' },
  signature_not_yet_valid: { ...RESIGN, error: 'invalid_signature' },
  nonce_missing: { ...RESIGN_CONTENT, error: 'invalid_signature' },
  coverage_insufficient: { ...RESIGN, error: 'invalid_input' },
  algorithm_not_allowed: { ...RESIGN, error: 'unsupported_algorithm' },
  key_unknown: { schemes: ['signature'], error: 'unknown_key' },
  key_invalid: { schemes: ['signature'], error: 'invalid_key' },
  key_revoked: { schemes: ['signature'], error: 'invalid_key' },
  key_expired: { schemes: ['signature'], error: 'invalid_key' },
  key_not_yet_valid: { schemes: ['signature'], error: 'invalid_key' },
  signature_invalid: { schemes: ['signature'], error: 'invalid_signature' },
  key_source_unavailable: NOTHING,
  digest_mismatch: { error: 'invalid_signature', also: ['want-content-digest'] },
  body_too_large: NOTHING,
  replay_detected: { ...RESIGN, error: 'invalid_signature' },
  replay_store_unavailable: NOTHING,
  freshness_unproven: { ...RESIGN, error: 'invalid_signature' },
  agent_suspended: NOTHING,
  agent_mismatch: NOTHING,
  rate_limited: NOTHING,
  overloaded: NOTHING,
}

const INVALID: Expected = { schemes: ['bearer invalid_token', 'dpop'] }
const PROOF: Expected = { schemes: ['dpop invalid_dpop_proof'], also: ['dpop-nonce'] }

interface Presented {
  readonly claims?: Members
  /** The text instead of a token. */
  readonly text?: string
  /** Claims of a DPoP proof. */
  readonly proof?: Members
  readonly scheme?: 'Bearer' | 'DPoP'
  readonly twice?: true
  readonly content?: unknown
}

/** By code: a signed request whose token is at fault, or what the token allows. */
const TOKEN_TABLE: readonly (readonly [code: string, presented: Presented | undefined, expected: Expected])[] = [
  ['credentials_missing', undefined, { schemes: ['bearer', 'dpop'] }],
  ['request_malformed', { text: 'x'.repeat(8193) }, { schemes: ['bearer invalid_request'] }],
  ['token_malformed', { text: 'not.a.token' }, INVALID],
  ['token_invalid', { claims: { iss: 'https://evil.example' } }, INVALID],
  ['token_expired', { claims: { exp: 1 } }, INVALID],
  ['token_audience', { claims: { aud: 'https://other.example' } }, INVALID],
  ['token_revoked', { claims: { sub: 'user_gone' } }, INVALID],
  ['token_binding_mismatch', { claims: { cnf: { jkt: 'of-another-key' } } }, INVALID],
  ['actor_mismatch', { claims: { act: { sub: 'agt_other' } } }, INVALID],
  ['chain_invalid', { claims: { act: 'agt_buyer' } }, INVALID],
  ['token_expired', { claims: { exp: 1 }, scheme: 'DPoP' }, { schemes: ['dpop invalid_token'] }],
  ['dpop_proof_invalid', { proof: { htm: 'DELETE' } }, PROOF],
  ['replay_detected', { proof: { jti: 'once' }, twice: true }, PROOF],
  ['dpop_nonce_required', { proof: { iat: 1 } }, { ...PROOF, schemes: ['dpop use_dpop_nonce'] }],
  ['insufficient_scope', {}, { schemes: ['bearer insufficient_scope'] }],
  ['insufficient_scope', { proof: {} }, { schemes: ['dpop insufficient_scope'] }],
  ['constraint_violation', { claims: limited({ max_amount: { value: 1, currency: 'USD' } }) }, NOTHING],
  ['constraint_unknown', { claims: limited({ phase_of_the_moon: 'full' }) }, NOTHING],
  ['approval_required', { claims: limited({ require_approval_for: ['refunds:create'] }) }, NOTHING],
]

describeChallenges('Express', expressAdapter(express))
describeChallenges('Koa', koaAdapter(Koa))

function describeChallenges<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`${name}: a guard with every check`, () => {
    let world: TokenWorld

    beforeAll(async () => {
      world = await createTokenWorld()
    })

    describe.each(Object.entries(SIGNATURE_TABLE))('that refuses with %s', (code, expected) => {
      const refusal: RefusalCase = REFUSAL_CASES[code as TableCode] ?? { ask: (app) => app.sendPlain() }
      const start = useGuardedApps(adapter, refusal.checks ?? createSignatureChecks)

      it('says what helps, and nothing else', async () => {
        const { options } = refusal.input?.<Middleware>() ?? {}
        const app = await start({
          ...(options === undefined ? {} : { options }),
          build: ({ app: building, guard, checks, handler }) => {
            building.use(guard(checks.verify, checks.once, createTokenCheck(world, 'optional')), handler)
          },
        })
        const response = await refusal.ask(app)
        expect([problemOf(response)['code'], summaryOf(response)]).toEqual([code, summaryOf(expected)])
        expectReadable(response)
      })
    })

    describe('that lets strangers pass, as far as a route that asks for something', () => {
      const start = useGuardedApps(adapter, createSignatureChecks)

      it.each(['optional', 'observing'])('says there what the guard in front accepts: %s', async (how) => {
        const app = await start({
          build: ({ app: building, guard, checks, handler }) => {
            const lenient = guard.with(how === 'optional' ? { optional: true } : { mode: 'observe' })
            building.use(lenient(checks.verify, checks.once, createTokenCheck(world, 'optional')))
            building.use(guard(requireCapability('refunds:create')), handler)
          },
        })
        const response = await app.sendPlain()
        const expected = summaryOf(SIGNATURE_TABLE['credentials_missing'] ?? NOTHING)
        expect([problemOf(response)['code'], summaryOf(response)]).toEqual(['credentials_missing', expected])
        expect(response.header('accept-signature')).toContain(';nonce="')
        expectReadable(response)
      })
    })

    describe('behind a signature that holds', () => {
      const start = useGuardedApps(adapter, createSignatureChecks)

      it.each(TOKEN_TABLE)('answers %s with what helps, and nothing else: %j', async (code, presented, expected) => {
        const app = await start({
          build: ({ app: building, guard, checks, handler }) => {
            const nonce = code === 'dpop_nonce_required' ? 'required' : 'optional'
            const rules = capabilityRules({ resourceMetadata: METADATA })
            building.use(guard(checks.verify, checks.once, createTokenCheck(world, nonce)))
            building.use(guard(requireCapability('refunds:create', REFUND, rules)), handler)
          },
        })
        const response = await ask(app, world, presented)
        expect([problemOf(response)['code'], summaryOf(response)]).toEqual([code, summaryOf(expected)])
        expectReadable(response)
      })
    })
  })
}

function createTokenCheck({ issuer }: TokenWorld, nonce: 'optional' | 'required') {
  const revocations = createRevocations()
  revocations.apply({ type: 'user', issuer: issuer.issuer, subject: 'user_gone' })
  return verifyDelegation({
    issuers: [issuer.options()],
    audience: 'https://api.example.com',
    dpop: { store: memoryReplayStore({ startedAt: 0 }), nonce },
    resourceMetadata: METADATA,
    revocations,
  })
}

function limited(constraints: unknown): Members {
  const [authorization_details] = limits(constraints).authorizationDetails
  return { scope: 'refunds:create', authorization_details }
}

async function ask(app: GuardedApp, world: TokenWorld, presented: Presented | undefined): Promise<RawResponse> {
  const content = { amount: 5000, currency: 'USD' }
  if (presented === undefined) return app.send(aRefund(content))
  const { proof, twice } = presented
  const claims = { ...(proof && { cnf: { jkt: world.prover.thumbprint } }), ...presented.claims }
  const token = presented.text ?? (await world.mint(claims))
  const { scheme = proof === undefined ? 'Bearer' : 'DPoP' } = presented
  const at = Math.floor(Date.now() / 1000)
  const target = { htm: 'POST', htu: 'https://api.example.com/refunds' }
  const proofs = proof && { DPoP: await world.prover.prove({ token, at, claims: { ...target, ...proof } }) }
  const send = () => app.send(aRefund(content, { Authorization: `${scheme} ${token}`, ...proofs }))
  if (twice) await send()
  return send()
}

const ALSO = ['accept-signature', 'want-content-digest', 'dpop-nonce']

function summaryOf(from: RawResponse | Expected): unknown {
  if (!('headerLines' in from)) return { schemes: from.schemes ?? [], error: from.error, also: from.also ?? [] }
  const challenges = parseChallenges(challengesOf(from).join(', '))
  return {
    schemes: challenges.map(({ scheme, parameters }) => [scheme, parameters.get('error')].filter(Boolean).join(' ')),
    error: /^error=([a-z_]+)/.exec(from.header('signature-error') ?? '')?.[1],
    also: ALSO.filter((name) => from.header(name) !== undefined),
  }
}

function challengesOf(response: RawResponse): readonly string[] {
  return response.headerLines.filter(([name]) => name.toLowerCase() === 'www-authenticate').map(([, value]) => value)
}

// RFC 9110 sections 5.6 and 11.6.1, written out once more: one challenge, alone in its field.
const TOKEN = "[\\w!#$%&'*+.^`|~-]+"
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\t \\x21-\\x7e])*"'
const PARAMETER = `${TOKEN}=(?:${TOKEN}|${QUOTED})`
const CHALLENGE = new RegExp(`^${TOKEN}(?: ${PARAMETER}(?:, ${PARAMETER})*)?$`)

/** Several challenges are read alike, each alone and all in one line, as proxies and `fetch` join them. */
function expectReadable(response: RawResponse): void {
  const challenges = challengesOf(response)
  expect(challenges.filter((challenge) => !CHALLENGE.test(challenge))).toEqual([])
  expect(parseChallenges(challenges.join(', '))).toEqual(challenges.flatMap(parseChallenges))
  const tokens = challenges.filter((challenge) => /^(?:Bearer|DPoP)/.test(challenge))
  const pointing = `resource_metadata="https://api.example.com${METADATA}"`
  expect(tokens.filter((challenge) => !challenge.includes(pointing))).toEqual([])
  // RFC 9110 section 15.5.2.
  expect(response.status !== 401 || challenges.length > 0).toBe(true)
}
