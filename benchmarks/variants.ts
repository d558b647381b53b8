import type { RequestKind } from './requests.ts'

/** One server under load. */
export interface Variant {
  readonly name: string
  /** The variant whose cost is subtracted. */
  readonly over: 'node' | 'express5' | 'koa3' | undefined
  readonly requests: RequestKind
  /** The status that proves that the server did the work. */
  readonly status: number
}

/** Everything `npm run bench` measures, in one run. `node+raw-verify` is the unit. */
export const VARIANTS: readonly Variant[] = [
  { name: 'node', over: undefined, requests: 'plain', status: 200 },
  { name: 'node+raw-verify', over: 'node', requests: 'plain', status: 200 },
  { name: 'node+countermark', over: 'node', requests: 'httpsig', status: 200 },
  { name: 'node+countermark body', over: 'node', requests: 'httpsig-body', status: 200 },
  { name: 'node+countermark simple-v1', over: 'node', requests: 'simple-v1', status: 200 },
  { name: 'node+countermark sodium', over: 'node', requests: 'httpsig', status: 200 },
  { name: 'node+countermark thread pool', over: 'node', requests: 'httpsig', status: 200 },
  { name: 'node+countermark refused early', over: 'node', requests: 'refused', status: 401 },
  { name: 'node+http-message-signatures', over: 'node', requests: 'httpsig', status: 200 },
  { name: 'node+http-message-sig', over: 'node', requests: 'httpsig', status: 200 },
  { name: 'node+web-bot-auth', over: 'node', requests: 'web-bot-auth', status: 200 },
  { name: 'express5', over: undefined, requests: 'plain', status: 200 },
  { name: 'express5+countermark', over: 'express5', requests: 'httpsig', status: 200 },
  { name: 'express5+express-jwt', over: 'express5', requests: 'bearer', status: 200 },
  { name: 'express5+express-oauth2-jwt-bearer', over: 'express5', requests: 'bearer', status: 200 },
  { name: 'koa3', over: undefined, requests: 'plain', status: 200 },
  { name: 'koa3+countermark', over: 'koa3', requests: 'httpsig', status: 200 },
  { name: 'koa3+koa-jwt', over: 'koa3', requests: 'bearer', status: 200 },
]
