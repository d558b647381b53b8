export {
  type CapabilityUses,
  type GrantReview,
  readCapabilityUses,
  reviewGrant,
  type ScopeUse,
} from './reports/capability-uses.ts'
export { type RegulationReport, type RegulationReportOptions, regulationReport } from './reports/regulation-report.ts'
