import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import {
  type ApprovalTicket,
  type ArgumentSources,
  body,
  type CapabilityRulesOptions,
  capabilityRules,
  type RequiredScopes,
  requireCapability,
  signApprovalTicket,
} from '@countermark/capability'
import {
  type AgentFact,
  type AgentKey,
  type Check,
  type DelegationFact,
  defineCheck,
  importPublicKey,
  type KeySource,
} from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import type { RawResponse, RequestToSign } from '@countermark/testing'
import { type AdapterKit, type GuardedAppInput, problemOf } from '../../packages/testing/src/adapters/guarded-app.ts'

/** Where values of a refund stand. */
export const REFUND: ArgumentSources = { amount: body('/amount'), currency: body('/currency') }

const JSON_TYPE = { 'Content-Type': 'application/json' }

/** A refund as it is sent. */
export function aRefund(content: unknown, headers: Readonly<Record<string, string>> = {}): RequestToSign {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  return { method: 'POST', target: '/refunds', headers: { ...JSON_TYPE, ...headers }, body: text }
}

/** Says for whom the caller acts, as a check of tokens does. */
export function grant(
  given: Partial<DelegationFact> = {},
): Check<{ readonly agent: AgentFact }, { readonly delegation: DelegationFact }> {
  const issuedAt = Math.floor(Date.now() / 1000) - 5
  const delegation: DelegationFact = {
    issuer: 'https://login.example.com',
    subject: 'user_123',
    tokenId: 'dlg_1',
    actor: { id: 'agt_buyer', issuer: 'https://login.example.com' },
    priorActors: [],
    scopes: ['refunds:create', 'dns:zone_1:write'],
    authorizationDetails: [],
    audiences: [],
    issuedAt,
    expiresAt: issuedAt + 3600,
    binding: 'jwk',
    claims: {},
    ...given,
  }
  return defineCheck({ name: 'grant', needs: ['agent'], adds: ['delegation'] }, () => ({ delegation }))
}

/** Limits on refunds, as a token carries them. */
export function limits(constraints: unknown): Pick<DelegationFact, 'authorizationDetails'> {
  return { authorizationDetails: [[{ type: 'urn:agent-auth:capability:1', actions: ['refunds:create'], constraints }]] }
}

/** What a route asks for. */
export interface RouteInput {
  readonly delegation?: Partial<DelegationFact>
  readonly wanted?: RequiredScopes
  readonly sources?: ArgumentSources
  readonly rules?: CapabilityRulesOptions
  readonly path?: string
}

/** An application with one route behind a signature, a token and a capability. */
export function behindCapability<Middleware>(
  route: RouteInput = {},
): NonNullable<GuardedAppInput<Middleware>['build']> {
  const { delegation, wanted = 'refunds:create', sources = REFUND, rules, path = '/refunds' } = route
  return ({ app, guard, checks, handler }: AdapterKit<Middleware>) => {
    const capable = requireCapability(wanted, sources, capabilityRules(rules))
    app.use(guard(checks.verify, checks.once, grant(delegation)))
    app.route('post', path, guard(capable), handler)
    app.route('get', path, guard(capable), handler)
  }
}

/** An approver. */
export interface Approver {
  readonly rules: NonNullable<CapabilityRulesOptions['approvals']>
  /** A ticket for what a refusal says. */
  readonly ticketFor: (response: RawResponse, more?: Partial<ApprovalTicket>, key?: KeyObject) => string
}

const APPROVER = 'https://approve.example.com'

/** Creates an approver whose key the service knows. */
export function createApprover(more: Partial<AgentKey> = {}): Approver {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const known: AgentKey = {
    ...importPublicKey(publicKey.export({ format: 'jwk' }), {}),
    agent: { id: APPROVER, state: 'active' },
    keyId: 'a1',
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
    ...more,
  }
  const keys: KeySource = {
    name: 'test',
    findKeys: ({ agentId, keyId }) => (agentId === APPROVER && keyId === 'a1' ? [known] : []),
  }
  const store = memoryReplayStore({ startedAt: 0 })
  const url = `${APPROVER}/requests`
  return {
    rules: { issuer: APPROVER, keys, audience: 'https://api.example.com', store, url },
    ticketFor: (response, ticket = {}, key = privateKey) => {
      const issuedAt = Math.floor(Date.now() / 1000) - 1
      const stated: ApprovalTicket = {
        issuer: APPROVER,
        audience: 'https://api.example.com',
        agentId: 'agt_buyer',
        digest: String(problemOf(response)['approval_digest']),
        ticketId: randomUUID(),
        issuedAt,
        expiresAt: issuedAt + 300,
        ...ticket,
      }
      return signApprovalTicket(stated, { key, keyId: 'a1' })
    },
  }
}
