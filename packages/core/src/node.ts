export { createClientAddress } from './node/address.ts'
export { createNodeGuard, type NodeGuard } from './node/guard.ts'
export type { NodeRequestInput } from './node/request.ts'
export {
  createLateCheck,
  type HttpRefusal,
  type IsTooLate,
  toHttpRefusal,
  watchResponse,
  writeReplyHead,
} from './node/response.ts'
