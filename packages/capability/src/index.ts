export { type ApprovalRequest, approvalDigest } from './approvals/approval-digest.ts'
export type { ApprovalOptions } from './approvals/approval-rules.ts'
export { type ApprovalTicket, signApprovalTicket } from './approvals/approval-ticket.ts'
export { type Argument, type ArgumentSource, body, notUsed, param, query } from './arguments/argument-source.ts'
export type { ArgumentSources } from './arguments/read-arguments.ts'
export type { BlockCapability, CapabilityBlock } from './blocks/capability-block.ts'
export { type LoadBlockOptions, loadCapabilityBlock } from './blocks/load-capability-block.ts'
export type { BudgetClaim, BudgetStore, Reservation } from './budgets/budget-store.ts'
export { type MemoryBudgets, type MemoryBudgetsOptions, memoryBudgets } from './budgets/memory-budgets.ts'
export { type RedisBudgetsOptions, redisBudgets } from './budgets/redis-budgets.ts'
export { type AskedAgent, can, type KnownValues } from './can.ts'
export {
  type CapabilityRules,
  type CapabilityRulesOptions,
  capabilityRules,
  type HostConstraint,
  type HostConstraintInput,
} from './capability-rules.ts'
export { coversScope } from './covers-scope.ts'
export { type Caller, type Capable, requireCapability } from './require-capability.ts'
export { parseScope, type Scope } from './scope.ts'
export { ACTION_FIRST, type ScopeAliases } from './scope-aliases.ts'
export type { WantedScopes } from './wanted-scopes.ts'
