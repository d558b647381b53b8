export {
  type FindCaller,
  RISK_ROLES,
  type RiskRole,
  type RiskServiceCaller,
  type RiskServiceToken,
} from './service/callers.ts'
export { RISK_SERVICE_CODES, type RiskServiceCode } from './service/codes.ts'
export type { RiskEventSource } from './service/events/event-source.ts'
export { fileEvents } from './service/events/file-events.ts'
export { type RedisEventsOptions, redisEvents } from './service/events/redis-events.ts'
export { createRiskServer, type RiskServer } from './service/risk-server.ts'
export type { RiskServerOptions, RiskTrail } from './service/server-options.ts'
