export {
  /** @deprecated Import it from @countermark/idempotency. */
  idempotency,
  /** @deprecated Import it from @countermark/idempotency. */
  memoryAnswers,
  /** @deprecated Import it from @countermark/idempotency. */
  redisAnswers,
} from '@countermark/idempotency'
export { type ApprovalRequest, approvalDigest, operationDigest } from './approvals/approval-digest.ts'
export type { ApprovalOptions, FiledRequest, RefusedRequest } from './approvals/approval-rules.ts'
export {
  type ApprovalTicket,
  type ApprovedAmount,
  signApprovalTicket,
  ticketSigningInput,
} from './approvals/approval-ticket.ts'
export { type BoundDenial, bindDenial, type DenialBinding, tryReadDenial } from './approvals/denial-binding.ts'
export { requireApproval } from './approvals/require-approval.ts'
export { body, notUsed, param, query } from './arguments/argument-source.ts'
export type { ArgumentSources } from './arguments/read-arguments.ts'
export { type CapabilityBlock, loadCapabilityBlock } from './blocks/load-capability-block.ts'
export type { BudgetClaim, BudgetStore, Reservation } from './budgets/budget-store.ts'
export { memoryBudgets } from './budgets/memory-budgets.ts'
export { redisBudgets } from './budgets/redis-budgets.ts'
export { can, type KnownValues } from './can.ts'
export {
  type CapabilityRules,
  type CapabilityRulesOptions,
  capabilityRules,
  type HostConstraint,
} from './capability-rules.ts'
export { type CapabilityFacts, requireCapability } from './require-capability.ts'
export type { RequiredScopes } from './scopes/required-scopes.ts'
export { coversScope } from './scopes/scope.ts'
export { ACTION_FIRST } from './scopes/scope-aliases.ts'
