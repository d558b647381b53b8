export { judgeByGrants, type PlannedGrant, type PlannedGrants } from './plan/judge-by-grants.ts'
export { judgeByPolicy } from './plan/judge-by-policy.ts'
export {
  type JudgeDecisions,
  type Judged,
  type Plan,
  type PlannedRow,
  type PlanOptions,
  planDecisions,
} from './plan/plan-decisions.ts'
export type { RecordedDecision, UntoldReason } from './plan/recorded-decision.ts'
