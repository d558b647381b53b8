import type { RequestKind } from './requests.ts'

/** One server under load. */
export interface Variant {
  readonly name: string
  /** The variant whose cost is subtracted. */
  readonly over: Bare | undefined
  readonly requests: RequestKind
  /** The status that proves that the server did the work. */
  readonly status: number
  /** The bare server that gets the same requests and ignores what they carry. */
  readonly control: string | undefined
}

/** Servers that do nothing else. */
export type Bare = 'node' | 'express5' | 'koa3'

const UNIT: Variant = { ...bare('node'), name: 'node+raw-verify', over: 'node' }

/** Everything `npm run bench` measures, in one run. `node+raw-verify` is the unit. */
export const VARIANTS: readonly Variant[] = [
  bare('node'),
  UNIT,
  control('node', 'httpsig'),
  guarded('node', 'node+countermark', 'httpsig'),
  guarded('node', 'node+countermark sodium', 'httpsig'),
  guarded('node', 'node+countermark thread pool', 'httpsig'),
  { ...guarded('node', 'node+countermark refused early', 'refused'), status: 401, control: nameOf('node', 'httpsig') },
  guarded('node', 'node+http-message-signatures', 'httpsig'),
  guarded('node', 'node+http-message-sig', 'httpsig'),
  { ...guarded('node', 'node+web-bot-auth', 'web-bot-auth'), control: undefined },
  { ...guarded('node', 'node+countermark simple-v1', 'simple-v1'), control: undefined },
  control('node', 'httpsig-body'),
  guarded('node', 'node+countermark body', 'httpsig-body'),
  control('node', 'full'),
  guarded('node', 'node+countermark full', 'full'),
  guarded('node', 'node+countermark full sodium', 'full'),
  control('node', 'full-body'),
  guarded('node', 'node+countermark full body', 'full-body'),
  control('node', 'bearer'),
  guarded('node', 'node+countermark bearer', 'bearer'),
  guarded('node', 'node+fast-jwt, one token, cache', 'bearer'),
  guarded('node', 'node+fast-jwt, one token, no cache', 'bearer'),
  control('node', 'cold'),
  guarded('node', 'node+countermark new tokens', 'cold'),
  guarded('node', 'node+jose, new tokens', 'cold'),
  guarded('node', 'node+fast-jwt, new tokens', 'cold'),
  control('node', 'dpop'),
  guarded('node', 'node+countermark dpop', 'dpop'),
  bare('express5'),
  guarded('express5', 'express5+countermark', 'httpsig'),
  control('express5', 'full'),
  guarded('express5', 'express5+countermark full', 'full'),
  control('express5', 'bearer'),
  guarded('express5', 'express5+countermark bearer', 'bearer'),
  guarded('express5', 'express5+express-jwt', 'bearer'),
  guarded('express5', 'express5+express-oauth2-jwt-bearer', 'bearer'),
  control('express5', 'dpop-es256'),
  guarded('express5', 'express5+countermark dpop', 'dpop-es256'),
  guarded('express5', 'express5+express-oauth2-jwt-bearer dpop', 'dpop-es256'),
  bare('koa3'),
  guarded('koa3', 'koa3+countermark', 'httpsig'),
  control('koa3', 'full'),
  guarded('koa3', 'koa3+countermark full', 'full'),
  control('koa3', 'bearer'),
  guarded('koa3', 'koa3+countermark bearer', 'bearer'),
  guarded('koa3', 'koa3+koa-jwt', 'bearer'),
].map(withKnownControl)

function bare(name: Bare): Variant {
  return { name, over: undefined, requests: 'plain', status: 200, control: undefined }
}

function control(over: Bare, requests: RequestKind): Variant {
  return { name: nameOf(over, requests), over, requests, status: 200, control: undefined }
}

function guarded(over: Bare, name: string, requests: RequestKind): Variant {
  return { name, over, requests, status: 200, control: nameOf(over, requests) }
}

function nameOf(over: Bare, requests: RequestKind): string {
  return `${over} ignoring ${requests}`
}

function withKnownControl(variant: Variant, _index: number, all: readonly Variant[]): Variant {
  return all.some(({ name }) => name === variant.control) ? variant : { ...variant, control: undefined }
}
