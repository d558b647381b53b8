import { type AgentView, type Decision, type Facts, Refusal, type RefusalCode } from '@countermark/core'
import type { RefusalDetails } from '@countermark/core/internal'
import { aRequest } from '@countermark/testing'

/** What a test says of a decision. */
export interface DecisionInput {
  readonly agentId?: string
  readonly level?: AgentView['level']
  readonly outcome?: Decision['outcome']
  readonly code?: RefusalCode
  readonly details?: RefusalDetails
  readonly check?: string
  readonly template?: string
  readonly path?: string
  readonly address?: string
  readonly atMs?: number
  readonly facts?: Partial<Facts>
  readonly timings?: Decision['timings']
}

/** A decision as guards make them; allowed unless it has a code. */
export function aDecision(input: DecisionInput = {}): Decision {
  const { agentId, level = 'signed', code, details, check = 'verifySignature', template, path = '/orders' } = input
  const plain = aRequest({ target: path })
  const agent = agentId === undefined ? undefined : ({ id: agentId, level } as AgentView)
  return {
    requestId: 'r-1',
    atMs: input.atMs ?? 1_764_000_000_000,
    outcome: input.outcome ?? (code === undefined ? 'allow' : 'deny'),
    check,
    refusal: code === undefined ? undefined : new Refusal(code, 'refused', details),
    status: code === undefined ? undefined : 401,
    request: {
      ...plain,
      path,
      remoteAddress: input.address ?? '192.0.2.1',
      route: () => ({ template, parameters: {} }),
    },
    agent,
    facts: input.facts ?? {},
    timings: input.timings ?? [{ check, durationMs: 0.2 }],
    mode: 'enforce',
    configuration: 'c',
    anonymous: false,
  }
}

/** How it ended. */
export function anOutcome(status = 200, more: { readonly repeated?: true; readonly aborted?: boolean } = {}) {
  return { requestId: 'r-1', status, durationMs: 1, aborted: false, ...more }
}
