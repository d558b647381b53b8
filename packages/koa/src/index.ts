export { type AgentView, isMisconfigured, isRefusal } from '@countermark/core'
export { createGuard, type KoaGuardOptions } from './create-guard.ts'
