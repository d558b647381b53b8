import type { RequestKind } from './requests.ts'

/** One server under load. */
export interface Variant {
  readonly name: string
  /** The part of the bench that it belongs to, for `--only`. */
  readonly group: Group
  /** The variant whose cost is subtracted. */
  readonly over: string | undefined
  readonly requests: RequestKind
  /** The status that proves that the server did the work. */
  readonly status: number
  /** The bare server that gets the same requests and ignores what they carry. */
  readonly control: string | undefined
}

/** Parts of the bench that can run alone. */
export type Group = 'unit' | 'signature' | 'refused' | 'full' | 'body' | 'observed' | 'tokens' | 'dpop' | Framework
type Framework = 'express' | 'koa'

/** One `crypto.verify` for each request, of a message that differs each time: what a processor learns of one does not help. */
export const UNIT = 'node+raw-verify'
/** The same of one message: the unit of earlier figures. */
export const FIXED_UNIT = 'node+raw-verify, one message'

/** Everything `npm run bench` measures, in one run. */
export const VARIANTS: readonly Variant[] = [
  bare('unit', 'node'),
  overNode('unit', UNIT, 'plain'),
  overNode('unit', FIXED_UNIT, 'plain'),
  overNode('unit', 'node+raw-verify, from text, hashed twice', 'plain'),

  control('signature', 'node', 'httpsig'),
  overNode('signature', 'node+countermark', 'httpsig'),
  overNode('signature', 'node+countermark sodium', 'httpsig'),
  overNode('signature', 'node+countermark tables', 'httpsig'),
  overNode('signature', 'node+countermark thread pool', 'httpsig'),
  overNode('signature', 'node+countermark simple-v1', 'simple-v1'),
  overNode('signature', 'node+http-message-signatures', 'httpsig'),
  overNode('signature', 'node+http-message-sig', 'httpsig'),
  overNode('signature', 'node+web-bot-auth', 'web-bot-auth'),
  overNode('signature', 'node+raw-verify ES256', 'plain'),
  overNode('signature', 'node+countermark ES256', 'httpsig-es256'),

  control('refused', 'node', 'refused'),
  { ...overNode('refused', 'node+countermark refused early', 'refused'), status: 401 },

  control('full', 'node', 'full'),
  overNode('full', 'node+countermark full', 'full'),
  overNode('full', 'node+countermark full sodium', 'full'),
  overNode('full', 'node+countermark full tables', 'full'),

  bare('body', 'node reading', 'body'),
  control('body', 'node reading', 'full-body'),
  guarded('body', 'node reading', 'node reading+countermark', 'httpsig-body'),
  guarded('body', 'node reading', 'node reading+countermark full', 'full-body'),
  guarded('body', 'node reading', 'node reading+countermark full tables', 'full-body'),

  overNode('observed', 'node+countermark full, metrics', 'full'),
  overNode('observed', 'node+countermark full tables, metrics', 'full'),
  overNode('observed', 'node+countermark full, metrics, audit', 'full'),
  overNode('observed', 'node+countermark full tables, metrics, audit', 'full'),
  guarded('observed', 'node reading', 'node reading+countermark full, metrics, audit', 'full-body'),
  { ...overNode('observed', 'node+countermark refused early, metrics, audit', 'refused'), status: 401 },

  control('tokens', 'node', 'bearer'),
  overNode('tokens', 'node+countermark bearer', 'bearer'),
  overNode('tokens', 'node+fast-jwt, one token, cache', 'bearer'),
  overNode('tokens', 'node+fast-jwt, one token, no cache', 'bearer'),
  control('tokens', 'node', 'cold'),
  overNode('tokens', 'node+countermark new tokens', 'cold'),
  overNode('tokens', 'node+jose, new tokens', 'cold'),
  overNode('tokens', 'node+fast-jwt, new tokens', 'cold'),

  control('dpop', 'node', 'dpop'),
  overNode('dpop', 'node+countermark dpop', 'dpop'),
  overNode('dpop', 'node+countermark dpop tables', 'dpop'),
  overNode('dpop', 'node+countermark dpop ES256', 'dpop-es256'),
  bare('dpop', 'express5'),
  guarded('dpop', 'express5', 'express5+express-oauth2-jwt-bearer dpop', 'dpop-es256'),

  bare('express', 'express5'),
  control('express', 'express5', 'full'),
  guarded('express', 'express5', 'express5+countermark full', 'full'),
  guarded('express', 'express5', 'express5 createServer', 'plain'),
  guarded('express', 'express5', 'express5 createServer+countermark full', 'full'),
  guarded('express', 'express5', 'express5 createServer+countermark full sodium', 'full'),
  guarded('express', 'express5', 'express5 createServer+countermark full tables', 'full'),
  guarded('express', 'express5', 'express5 createServer+countermark bearer', 'bearer'),
  guarded('express', 'express5', 'express5+countermark bearer', 'bearer'),
  guarded('express', 'express5', 'express5+express-jwt', 'bearer'),
  guarded('express', 'express5', 'express5+express-oauth2-jwt-bearer', 'bearer'),
  bare('express', 'express4'),
  guarded('express', 'express4', 'express4 createServer', 'plain'),
  guarded('express', 'express4', 'express4+countermark full', 'full'),
  guarded('express', 'express4', 'express4 createServer+countermark full', 'full'),

  bare('koa', 'koa3'),
  control('koa', 'koa3', 'full'),
  guarded('koa', 'koa3', 'koa3+countermark full', 'full'),
  guarded('koa', 'koa3', 'koa3+countermark full sodium', 'full'),
  guarded('koa', 'koa3', 'koa3+countermark full tables', 'full'),
  guarded('koa', 'koa3', 'koa3+countermark bearer', 'bearer'),
  guarded('koa', 'koa3', 'koa3+koa-jwt', 'bearer'),
]
  .filter(isFirst)
  .map(withKnownControl)

/**
 * The variants that groups, names, or beginnings of names with `*` choose, with everything that they are held against.
 * @throws RangeError for a part that chooses nothing
 */
export function chooseVariants(parts: readonly string[]): readonly Variant[] {
  const lost = parts.find((part) => !VARIANTS.some((variant) => isChosen(variant, part)))
  if (lost !== undefined) throw new RangeError(`--only: there is no group and no server named ${lost}`)
  const chosen = VARIANTS.filter((variant) => parts.some((part) => isChosen(variant, part)))
  const needed = new Set([
    'node',
    UNIT,
    FIXED_UNIT,
    ...chosen.flatMap(({ name, over, control }) => [name, over, control]),
  ])
  return VARIANTS.filter(({ name }) => needed.has(name))
}

function isChosen({ name, group }: Variant, part: string): boolean {
  return part === group || part === name || (part.endsWith('*') && name.startsWith(part.slice(0, -1)))
}

function bare(group: Group, name: string, requests: RequestKind = 'plain'): Variant {
  return { name, group, over: undefined, requests, status: 200, control: undefined }
}

function control(group: Group, over: string, requests: RequestKind): Variant {
  return { name: nameOf(over, requests), group, over, requests, status: 200, control: undefined }
}

function overNode(group: Group, name: string, requests: RequestKind): Variant {
  return guarded(group, 'node', name, requests)
}

function guarded(group: Group, over: string, name: string, requests: RequestKind): Variant {
  return { name, group, over, requests, status: 200, control: nameOf(over, requests) }
}

function nameOf(over: string, requests: RequestKind): string {
  return `${over} ignoring ${requests}`
}

function withKnownControl(variant: Variant, _index: number, all: readonly Variant[]): Variant {
  return all.some(({ name }) => name === variant.control) ? variant : { ...variant, control: undefined }
}

function isFirst({ name }: Variant, index: number, all: readonly Variant[]): boolean {
  return all.findIndex((other) => other.name === name) === index
}
