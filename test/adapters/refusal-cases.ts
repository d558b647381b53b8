import { type AgentKey, type Clock, type KeySource, Unavailable } from '@countermark/core'
import { nodeVerifier, type REFUSAL_CODES, systemClock } from '@countermark/core/internal'
import { createRevocations } from '@countermark/delegation'
import { type MemoryReplayStoreOptions, memoryReplayStore, preventReplay } from '@countermark/replay'
import { createVerificationQueue, type VerifySignatureOptions, verifySignature } from '@countermark/signature'
import type { CreateAdapterChecks } from '../../packages/testing/src/adapters/adapter-under-test.ts'
import type { GuardedApp, GuardedAppInput } from '../../packages/testing/src/adapters/guarded-app.ts'
import { createSignatureChecks } from './signature-checks.ts'

/** How one refusal is brought about over HTTP. */
export interface RefusalCase {
  readonly checks?: CreateAdapterChecks
  readonly input?: <Middleware>() => GuardedAppInput<Middleware>
  /** Sends what is refused, and before it whatever that takes. */
  readonly ask: (app: GuardedApp) => ReturnType<GuardedApp['sendPlain']>
}

const POST = { method: 'POST', body: '{"amount":4200}' }
const HOUR = 3600

/** A code of the table. */
export type TableCode = keyof typeof REFUSAL_CODES

/** One case for each code that the guard, the signature check and the replay check refuse with. */
export const REFUSAL_CASES: Readonly<Partial<Record<TableCode, RefusalCase>>> = {
  credentials_missing: { ask: (app) => app.sendPlain() },
  scheme_not_allowed: { ask: (app) => app.send({ ...POST, form: 'simple-v0' }) },
  request_malformed: { ask: (app) => app.sendPlain({ target: '//evil.example' }) },
  headers_too_large: { ask: (app) => app.sendPlain({ headers: fillers(201) }) },
  authority_mismatch: { ask: (app) => app.sendPlain({ headers: [['Host', 'evil.example']] }) },
  signature_malformed: { ask: (app) => app.send({ tamper: { signatureInput: () => 'sig1=(' } }) },
  signature_expired: { ask: (app) => app.send({ created: nowSeconds() - HOUR }) },
  signature_not_yet_valid: { ask: (app) => app.send({ created: nowSeconds() + HOUR }) },
  nonce_missing: { ask: (app) => app.send({ ...POST, nonce: null }) },
  coverage_insufficient: { ask: (app) => app.send({ components: ['@method', '@authority'] }) },
  algorithm_not_allowed: { ask: (app) => app.send({ alg: 'ecdsa-p256-sha256' }) },
  key_unknown: { ask: (app) => app.send({ keyId: 'unknown-key' }) },
  key_invalid: { checks: withKeys({ schemes: ['simple-v0'] }), ask: (app) => app.send({}) },
  key_revoked: { checks: withKeys({ state: 'revoked' }), ask: (app) => app.send({}) },
  key_expired: { checks: withKeys({ notAfter: 1_700_000_000 }), ask: (app) => app.send({}) },
  key_not_yet_valid: { checks: withKeys({ notBefore: 4_000_000_000 }), ask: (app) => app.send({}) },
  signature_invalid: { ask: (app) => app.send({ tamper: { sent: { target: '/elsewhere' } } }) },
  key_source_unavailable: { checks: () => createSignatureChecks(failingKeys), ask: (app) => app.send({}) },
  digest_mismatch: { ask: (app) => app.send({ ...POST, tamper: { sent: { body: Buffer.from('{"amount":9900}') } } }) },
  body_too_large: { input: () => ({ options: { maxBodyBytes: 10 } }), ask: (app) => app.send(POST) },
  replay_detected: { ask: (app) => twice(app, { nonce: 'once-and-only-once' }) },
  replay_store_unavailable: { checks: withStore({ startedAt: 0, maxClaims: 1 }), ask: (app) => twice(app, {}) },
  freshness_unproven: { checks: withStore({}), ask: (app) => app.send({ created: nowSeconds() - 10 }) },
  agent_suspended: { checks: withSuspendedAgent, ask: (app) => app.send({}) },
  agent_mismatch: { ask: (app) => app.send({ agentId: 'agt_other' }) },
  rate_limited: { checks: withStore({ startedAt: 0, maxClaimsPerKey: 1 }), ask: (app) => twice(app, {}) },
  revocation_unavailable: { checks: withSilentFeed, ask: (app) => app.send(POST) },
  overloaded: overloaded(),
  audit_unavailable: {
    input: () => ({ options: { recorder: { record: () => Promise.reject(new Error('the disk is full')) } } }),
    ask: (app) => app.send(POST),
  },
  config_error: {
    input: () => ({ build: ({ guard, handler }) => [guard(), handler] }),
    ask: (app) => app.send({}),
  },
}

function fillers(count: number): (readonly [string, string])[] {
  return Array.from({ length: count }, (_, index) => [`X-Filler-${index}`, 'x'] as const)
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

async function twice(app: GuardedApp, request: Parameters<GuardedApp['send']>[0]): ReturnType<GuardedApp['send']> {
  await app.send(request)
  return app.send(request)
}

function withStore(
  store: MemoryReplayStoreOptions,
  options: Partial<VerifySignatureOptions> = {},
): CreateAdapterChecks {
  return (keys) => ({
    verify: verifySignature({ keys, ...options }),
    once: preventReplay({ store: memoryReplayStore(store) }),
  })
}

function withKeys(overrides: Partial<AgentKey>): CreateAdapterChecks {
  return (keys) => createSignatureChecks(mapKeys(keys, (key) => ({ ...key, ...overrides })))
}

function withSuspendedAgent(keys: KeySource): ReturnType<CreateAdapterChecks> {
  return createSignatureChecks(mapKeys(keys, (key) => ({ ...key, agent: { ...key.agent, state: 'suspended' } })))
}

/** Ten seconds go by between any two looks at the clock, and nothing is heard. */
function withSilentFeed(keys: KeySource): ReturnType<CreateAdapterChecks> {
  let ms = 0
  const clock: Clock = {
    wallMs: systemClock.wallMs,
    monotonicMs: () => {
      ms += 10_000
      return ms
    },
  }
  return withStore({}, { revocations: createRevocations({ staleAfterSeconds: 1, clock }) })(keys)
}

function mapKeys(keys: KeySource, change: (key: AgentKey) => AgentKey): KeySource {
  return { name: 'test', findKeys: async (...query) => (await keys.findKeys(...query)).map(change) }
}

const failingKeys: KeySource = {
  name: 'test',
  findKeys: () => {
    throw new Unavailable('key_source_unavailable', 'keys', 'the registry cannot be reached')
  },
}

/** One verification never ends, and there is room for no other. */
function overloaded(): RefusalCase {
  let reach = (): void => undefined
  const verifyInThreadPool = (): Promise<boolean> => {
    reach()
    return new Promise(() => undefined)
  }
  return {
    checks: (keys) => {
      const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 1, maxQueued: 0 })
      return withStore({ startedAt: 0 }, { queue })(keys)
    },
    input: () => ({ options: { verifier: { ...nodeVerifier, verifyInThreadPool } } }),
    ask: async (app) => {
      const reached = new Promise<void>((resolve) => {
        reach = resolve
      })
      app.send({}).catch(() => undefined) // ends with the server
      await reached
      return app.send({})
    },
  }
}
