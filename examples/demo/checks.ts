import {
  body,
  type CapabilityRules,
  capabilityRules,
  coversScope,
  memoryBudgets,
  redisBudgets,
  requireCapability,
} from '@countermark/capability'
import type { GuardOptions, KeySource, ReplayStore } from '@countermark/core'
import {
  countermarkAuthority,
  createRevocations,
  type IssuerOptions,
  type Revocations,
  verifyDelegation,
} from '@countermark/delegation'
import { type Idempotency, idempotency, memoryAnswers, redisAnswers } from '@countermark/idempotency'
import { registry } from '@countermark/keys'
import { memoryReplayStore, preventReplay, redisReplayStore } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { Redis } from 'ioredis'
import type { BackendConfig } from './backend-config.ts'
import type { Observation } from './seeing/observation.ts'

/** What both backends know of themselves, and who watches; each adds what is its own. */
export function createGuardOptions(
  { origins }: BackendConfig,
  { observers, recorder }: Pick<Observation, 'observers' | 'recorder'>,
): GuardOptions {
  return { origins, open: { paths: ['/healthz'] }, observers, recorder }
}

/** Everything that guards, the same for both backends: who calls, for whom, how far. Routes choose from it. */
export function createChecks(config: BackendConfig) {
  const { registryUrl } = config
  const keys = registry(registryUrl, LOOPBACK)
  const redis = findRedis(config)
  const store = redis === undefined ? memoryReplayStore() : redisReplayStore(redis)
  const revocations = createRevocations({ staleAfterSeconds: 5 })
  const rules = createRules(config, { keys, store, redis })
  return {
    revocations,
    store,
    signature: verifySignature({ keys }),
    replay: preventReplay({ store }),
    ...createTokenChecks(config, { store, revocations }),
    ...createRouteChecks(rules),
    idempotent: createIdempotency(config, redis),
  }
}

interface Memory {
  readonly keys: KeySource
  readonly store: ReplayStore
  readonly revocations: Revocations
  readonly redis: SharedRedis | undefined
}

interface SharedRedis {
  readonly client: Redis
  readonly deadlineMs: number
}

/** What must be known to every process of a service. The deadline is that of a machine that does everything at once. */
function findRedis({ redisPort }: BackendConfig): SharedRedis | undefined {
  return redisPort === undefined ? undefined : { client: new Redis(redisPort, '127.0.0.1'), deadlineMs: 1000 }
}

/** Everything of the demo is on this machine. */
const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true }

function createTokenChecks(config: BackendConfig, { store, revocations }: Pick<Memory, 'store' | 'revocations'>) {
  const { audience } = config
  const shared = { issuers: createIssuers(config), audience, revocations }
  const nonceSecret = Buffer.from(config.nonceSecret, 'base64url')
  return {
    /** Behind a signature: the token must be the signer's. */
    token: verifyDelegation({ ...shared, offline: { coversScope } }),
    /** Without a signature: a bearer's, or bound to a key that a DPoP proof shows. */
    unsignedToken: verifyDelegation({ ...shared, requirePoP: false, dpop: { store, nonce: 'required', nonceSecret } }),
  }
}

function createIssuers({ issuer }: BackendConfig): readonly IssuerOptions[] {
  const http = { ...LOOPBACK, ports: 'any' } as const
  // A day of the demo lasts less than the 30 s after which a key that is missing is looked for again.
  const times = { recheckAfterMs: 500 }
  const plain = { types: ['JWT'], actor: 'optional', missingAudience: 'accept', requiredClaims: [] } as const
  return [countermarkAuthority(issuer.url, { http, times }), { issuer: issuer.plainUrl, http, times, ...plain }]
}

function createRules(
  { service, approver, audience }: BackendConfig,
  { keys, store, redis }: Omit<Memory, 'revocations'>,
): CapabilityRules {
  const url = 'https://approvals.example.com/requests'
  return capabilityRules({
    budgets: redis === undefined ? memoryBudgets() : redisBudgets({ ...redis, prefix: `${service}:budgets:` }),
    approvals: { issuer: approver, keys, audience, store, url },
  })
}

/** What routes ask for, and where the values stand that a grant may limit. */
function createRouteChecks(rules: CapabilityRules) {
  const refund = { amount: body('/amount'), currency: body('/currency') }
  return {
    readCatalogue: requireCapability('catalogue:read', {}, rules),
    writeReview: requireCapability('reviews:write', {}, rules),
    readCustomer: requireCapability('customers:{customer}:read', {}, rules),
    createRefund: requireCapability('refunds:create', refund, rules),
    closeAccount: requireCapability(
      { allOf: ['accounts:close', 'refunds:create', 'customers:{customer}:read'] },
      {},
      rules,
    ),
  }
}

function createIdempotency({ service }: BackendConfig, redis: SharedRedis | undefined): Idempotency {
  const store = redis === undefined ? memoryAnswers() : redisAnswers({ ...redis, prefix: `${service}:answers:` })
  return idempotency({ store })
}
