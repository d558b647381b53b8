export { type AgentView, isMisconfigured, isRefusal } from '@countermark/core'
export { createGuard, type ExpressGuardOptions } from './create-guard.ts'
export { createHttpsServer, createServer } from './create-server.ts'
