export { createLateCheck, createNodeGuard, type IsTooLate, type NodeGuard } from './node/guard.ts'
export type { NodeRequestInput } from './node/request.ts'
export { createClientAddress, createMessageAddress, createNodeRequests, type ToAgentRequest } from './node/request.ts'
export {
  announceFields,
  type HttpRefusal,
  toHttpRefusal,
  watchResponse,
  writeReplyHead,
} from './node/response.ts'
