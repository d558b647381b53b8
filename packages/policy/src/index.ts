export { consultPolicy, type PolicyCheck } from './consult-policy.ts'
export { type AuthzenOptions, authzen } from './engines/authzen.ts'
export type {
  PolicyCall,
  PolicyDecision,
  PolicyEngine,
  PolicyFunction,
  PolicyObligation,
} from './engines/engine.ts'
export { type OpaOptions, opa } from './engines/opa.ts'
export type { RemoteEngineOptions } from './engines/remote.ts'
export type {
  DescribeForPolicy,
  JsonRecord,
  PolicyActor,
  PolicyCaller,
  PolicyFacts,
  PolicyInput,
  PolicyRoute,
} from './input/policy-input.ts'
export type { ConsultPolicyOptions } from './policy-options.ts'
