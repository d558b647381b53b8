import {
  type AgentFact,
  type AgentRecord,
  type AgentRequest,
  type CapabilityFact,
  type DelegationFact,
  isRefusal,
  type Refusal,
} from '@countermark/core'
import { aRequest, createFakeClock, createTestEnvironment } from '@countermark/testing'
import type { AgentRequestInput } from '../../testing/src/environment/a-request.ts'
import type { ArgumentSources } from '../src/arguments/read-arguments.ts'
import type { can } from '../src/can.ts'
import { type CapabilityRulesOptions, capabilityRules } from '../src/capability-rules.ts'
import { CAPABILITY_TYPE } from '../src/constraints/constraint-groups.ts'
import type { CallerFacts } from '../src/grants.ts'
import { requireCapability } from '../src/require-capability.ts'
import type { RequiredScopes } from '../src/scopes/required-scopes.ts'

/** 2026-01-01T00:00:00Z, a Thursday: when the fake clock begins. */
export const START = 1_767_225_600

/** An agent as a check of signatures establishes it. */
export function anAgent(record: Partial<AgentRecord> = {}): AgentFact {
  const { id = 'agt_buyer' } = record
  return { id, level: 'signed', scheme: 'httpsig', record: { id, state: 'active', ...record } }
}

/** A token as a check of tokens establishes it. */
export function aDelegation(given: Partial<DelegationFact> = {}): DelegationFact {
  return {
    issuer: 'https://login.example.com',
    subject: 'user_123',
    tokenId: 'dlg_1',
    actor: { id: 'agt_buyer', issuer: 'https://login.example.com' },
    priorActors: [],
    scopes: ['refunds:create'],
    authorizationDetails: [],
    audiences: ['https://api.example.com'],
    issuedAt: START,
    expiresAt: START + 3600,
    binding: 'jwk',
    claims: {},
    ...given,
  }
}

/** An entry of `authorization_details` with limits on refunds. */
export function aDetail(constraints: unknown, more: object = {}): Readonly<Record<string, unknown>> {
  return { type: CAPABILITY_TYPE, actions: ['refunds:create'], constraints, ...more }
}

/** A caller with a token that carries these entries. */
export function aCaller(...details: readonly Readonly<Record<string, unknown>>[]): CallerFacts {
  return { agent: anAgent(), delegation: aDelegation({ authorizationDetails: [details] }) }
}

/** A request to be decided. */
export interface AskInput {
  readonly required?: RequiredScopes
  readonly sources?: ArgumentSources
  readonly rules?: CapabilityRulesOptions
  readonly caller?: CallerFacts
  readonly request?: AgentRequestInput | AgentRequest
  readonly clock?: ReturnType<typeof createFakeClock>
}

/** A refund of so much, as JSON. */
export function aRefund(body: unknown, more: AgentRequestInput = {}): AgentRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }
  return aRequest({ method: 'POST', target: '/refunds', headers, body: text, ...more })
}

/** Asks a check once; the fact that it adds, or the refusal. */
export async function ask(input: AskInput): Promise<CapabilityFact | Refusal> {
  const {
    required = 'refunds:create',
    sources,
    rules,
    caller = { agent: anAgent() },
    clock = createFakeClock(),
  } = input
  const { request = aRefund({}) } = input
  const check = requireCapability(required, sources, capabilityRules(rules))
  try {
    const asked =
      'route' in request && typeof request.route === 'function' ? request : aRequest(request as AgentRequestInput)
    const { capability } = await check(asked as AgentRequest, caller, createTestEnvironment({ clock }))
    return capability
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

/** `allowed`, or the code of the refusal. */
export async function outcomeOf(input: AskInput): Promise<string> {
  const answer = await ask(input)
  return 'code' in answer ? answer.code : 'allowed'
}

/** What a handler sees. */
export function aView({ agent, delegation, capability }: CallerFacts): NonNullable<Parameters<typeof can>[0]> {
  return { ...agent, delegation, capability }
}
