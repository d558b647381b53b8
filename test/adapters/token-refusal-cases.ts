import { type Check, Unavailable } from '@countermark/core'
import type { REFUSAL_CODES } from '@countermark/core/internal'
import { createRevocations, type VerifyDelegationOptions, verifyDelegation } from '@countermark/delegation'
import { memoryReplayStore } from '@countermark/replay'
import { createDpopProver, type DpopProver } from '../../packages/delegation/test/dpop-prover.ts'
import { createTestIssuer, type Members, type TestIssuer } from '../../packages/delegation/test/token-issuer.ts'
import type { GuardedApp, PlainInput } from '../../packages/testing/src/adapters/guarded-app.ts'

/** What the cases are made of. */
export interface TokenWorld {
  readonly issuer: TestIssuer
  readonly prover: DpopProver
  /** A token of now. */
  readonly mint: (claims?: Members, header?: Members) => Promise<string>
}

/** How one refusal of a token is brought about over HTTP. */
export interface TokenRefusalCase {
  readonly options?: (world: TokenWorld) => Partial<VerifyDelegationOptions>
  /** Whether requests are signed as well. */
  readonly isSigned?: true
  readonly ask: (app: GuardedApp, world: TokenWorld) => ReturnType<GuardedApp['sendPlain']>
  /** What `WWW-Authenticate` says in status mode standard. */
  readonly challenge?: RegExp
}

type Case = readonly [code: keyof typeof REFUSAL_CODES, refusal: TokenRefusalCase]

const INVALID = /^Bearer realm="api.example.com", error="invalid_token"/m
const NOW = (): number => Math.floor(Date.now() / 1000)

/** An issuer, a client with a key, and tokens of now. */
export async function createTokenWorld(): Promise<TokenWorld> {
  const issuer = await createTestIssuer()
  const mint: TokenWorld['mint'] = (claims, header) =>
    issuer.mint({ iat: NOW() - 1, exp: NOW() + 600, ...claims }, header)
  return { issuer, prover: createDpopProver(), mint }
}

/** The check of a case. */
export function createTokenCheck(world: TokenWorld, { options }: TokenRefusalCase): Check {
  const { issuer } = world
  const shared = { issuers: [issuer.options()], audience: 'https://api.example.com', requirePoP: false }
  return verifyDelegation({ ...shared, ...options?.(world) }) as Check
}

/** One case for each code that a token check refuses with. */
export const TOKEN_REFUSAL_CASES: readonly Case[] = [
  ['credentials_missing', { ask: (app) => app.sendPlain(), challenge: /^Bearer realm="api.example.com"$/ }],
  [
    'request_malformed',
    { ask: withToken(() => 'x'.repeat(8193)), challenge: /^Bearer realm="api.example.com", error="invalid_request"/ },
  ],
  ['token_malformed', { ask: withToken(() => 'not.a.token'), challenge: INVALID }],
  ['token_invalid', { ask: withToken(({ mint }) => mint({ iss: 'https://evil.example' })), challenge: INVALID }],
  ['token_expired', { ask: withToken(({ mint }) => mint({ exp: NOW() - 1 })), challenge: INVALID }],
  ['token_audience', { ask: withToken(({ mint }) => mint({ aud: 'https://other.example' })), challenge: INVALID }],
  ['token_binding_mismatch', { ask: withToken(mintBound), challenge: INVALID }],
  [
    'dpop_proof_invalid',
    {
      options: withDpop({}),
      ask: withProof({ htm: 'DELETE' }),
      challenge: /^DPoP realm="api.example.com", error="invalid_dpop_proof", algs="EdDSA Ed25519 ES256"/,
    },
  ],
  [
    'dpop_nonce_required',
    {
      options: withDpop({ nonce: 'required' }),
      ask: withProof({}),
      challenge: /^DPoP realm="api.example.com", error="use_dpop_nonce"/,
    },
  ],
  [
    'replay_detected',
    {
      options: withDpop({}),
      ask: twiceWithProof({ jti: 'once' }),
      challenge: /^DPoP realm="api.example.com", error="invalid_dpop_proof"/,
    },
  ],
  ['rate_limited', { options: withDpop({}, { maxClaimsPerKey: 1 }), ask: twiceWithProof({}) }],
  ['replay_store_unavailable', { options: withDpop({}, { maxClaims: 1 }), ask: twiceWithProof({}) }],
  ['coverage_insufficient', { isSigned: true, ask: signedWithoutToken }],
  ['actor_mismatch', { isSigned: true, ask: signedByAnotherAgent, challenge: INVALID }],
  ['actor_unauthorized', { options: withAgents('agt_other', 'active'), ask: withToken(({ mint }) => mint()) }],
  ['agent_suspended', { options: withAgents('agt_buyer', 'suspended'), ask: withToken(({ mint }) => mint()) }],
  ['chain_invalid', { ask: withToken(({ mint }) => mint({ act: 'agt_buyer' })), challenge: INVALID }],
  ['token_revoked', { options: withRevokedUser, ask: withToken(({ mint }) => mint()), challenge: INVALID }],
  ['revocation_unavailable', { ask: withToken(mintWithStatus) }],
  ['constraint_violation', { ask: withToken(({ mint }) => mint({ restrictip: '192.0.2.1' })) }],
  ['key_source_unavailable', { options: withUnreachableIssuer, ask: withToken(({ mint }) => mint()) }],
  ['key_revoked', { options: withRevokedKey, ask: withProof({}) }],
]

type Ask = TokenRefusalCase['ask']

function withToken(mint: (world: TokenWorld) => string | Promise<string>): Ask {
  return async (app, world) => app.sendPlain(bearing('Bearer', await mint(world)))
}

function bearing(scheme: string, token: string, more: PlainInput['headers'] = []): PlainInput {
  return { target: '/orders', headers: [['Authorization', `${scheme} ${token}`], ...more] }
}

function mintBound({ mint, prover }: TokenWorld): Promise<string> {
  return mint({ cnf: { jkt: prover.thumbprint } })
}

function mintWithStatus({ mint }: TokenWorld): Promise<string> {
  // Nothing may be fetched from a private address.
  return mint({ status: { status_list: { idx: 1, uri: 'https://127.0.0.1/list' } } })
}

function withProof(claims: Members): Ask {
  return async (app, world) => {
    const token = await mintBound(world)
    const proof = await world.prover.prove({ token, at: NOW(), claims })
    return app.sendPlain(bearing('DPoP', token, [['DPoP', proof]]))
  }
}

function twiceWithProof(claims: Members): Ask {
  return async (app, world) => {
    await withProof(claims)(app, world)
    return withProof(claims)(app, world)
  }
}

function withDpop(
  dpop: { readonly nonce?: 'required' },
  store: Parameters<typeof memoryReplayStore>[0] = {},
): NonNullable<TokenRefusalCase['options']> {
  return () => ({ dpop: { store: memoryReplayStore({ startedAt: 0, ...store }), ...dpop } })
}

async function signedWithoutToken(app: GuardedApp, { mint }: TokenWorld): ReturnType<Ask> {
  const line = ['Authorization', `Bearer ${await mint()}`] as const
  return app.send({ target: '/orders', tamper: { headerLines: (lines) => [...lines, line] } })
}

async function signedByAnotherAgent(app: GuardedApp, { mint }: TokenWorld): ReturnType<Ask> {
  const token = await mint({ act: { sub: 'agt_other' } })
  return app.send({ target: '/orders', headers: { Authorization: `Bearer ${token}` } })
}

function withAgents(id: string, state: 'active' | 'suspended'): NonNullable<TokenRefusalCase['options']> {
  return () => ({
    agents: {
      name: 'test',
      findKeys: ({ agentId }) => (agentId === id ? [{ ...ANY_KEY, agent: { id, state } }] : []),
    },
  })
}

function withRevokedKey(world: TokenWorld): Partial<VerifyDelegationOptions> {
  const { thumbprint } = world.prover
  const key = { ...ANY_KEY, agent: { id: 'agt_buyer', state: 'active' }, thumbprint, state: 'revoked' } as const
  return { ...withDpop({})(world), agents: { name: 'test', findKeys: () => [key] } }
}

function withRevokedUser({ issuer }: TokenWorld): Partial<VerifyDelegationOptions> {
  const revocations = createRevocations()
  revocations.apply({ type: 'user', issuer: issuer.issuer, subject: 'user_17' })
  return { revocations }
}

function withUnreachableIssuer({ issuer }: TokenWorld): Partial<VerifyDelegationOptions> {
  const fetch = (): Promise<never> => Promise.reject(new Unavailable('key_source_unavailable', 'issuer', 'down'))
  return { issuers: [issuer.options({ keys: { jwksUri: `${issuer.issuer}/jwks` }, http: { fetch } })] }
}

const ANY_KEY = {
  keyId: 'any',
  thumbprint: 'any',
  algorithm: 'ed25519',
  publicKey: undefined as never,
  rawPublicKey: undefined,
  state: 'active',
  notBefore: undefined,
  notAfter: undefined,
  schemes: undefined,
} as const
