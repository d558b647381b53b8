export { createNodeGuard, type NodeGuard } from './node/guard.ts'
export type { NodeRequestInput } from './node/request.ts'
export { createClientAddress } from './node/request.ts'
export {
  createLateCheck,
  type HttpRefusal,
  type IsTooLate,
  toHttpRefusal,
  watchResponse,
  writeReplyHead,
} from './node/response.ts'
