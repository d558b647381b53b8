import { readViewMembers, type ViewMember, type ViewMembers } from './agent-view.ts'
import { type Authorities, type FindOrigin, originFinder, serviceNamer } from './authority.ts'
import type { GuardDescription } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { hasDotSegment } from './dot-segments.ts'
import { LEVELS, type Level } from './facts.ts'
import { findVerifier } from './find-verifier.ts'
import { bareCopy } from './internal/bare-object.ts'
import {
  requireBoolean,
  requireKnownOptions,
  requireMethods,
  requireNumber,
  requireStrings,
  requireWord,
} from './internal/options.ts'
import { Misconfigured } from './misconfigured.ts'
import type { ReadMessage } from './node/kept-body.ts'
import type { Decision, Observer, Recorder } from './observer.ts'
import { type OpenRequests, type OpenSettings, readOpenRequests } from './open-requests.ts'
import type { RefusalRow } from './refusal-codes.ts'
import { requireForeignRows } from './refusal-rows.ts'
import type { ErrorDetail, ReplyOptions, StatusMode } from './reply.ts'
import { MODES } from './route-options.ts'
import { nodeVerifier, type SignatureVerifier } from './signature-verifier.ts'
import { readSourceLimit, type SourceLimit, type SourceLimitSettings } from './source-limit.ts'

/** The weakest credential accepted, by the kind of method. */
export interface MinimumLevels {
  /** GET, HEAD and OPTIONS. @default 'identified' */
  readonly safe?: Level
  /** Everything else. @default 'signed' */
  readonly unsafe?: Level
}

/** How a backend is guarded. */
export interface GuardOptions {
  /**
   * Who this server is: hosts (https) or origins, `*.example.com` for a host of each tenant. A function is given the Host
   * value, for tenants that come and go, or where the port is known only after `listen`. Required.
   */
  readonly authorities: Authorities
  /**
   * A prefix that a gateway in front takes off the path, such as `/shop`: agents sign the path with it. `open` goes by the
   * path without. @default '' none
   */
  readonly strippedPrefix?: string
  /** Networks (CIDR) whose X-Forwarded-For is believed. @default [] nobody's */
  readonly trustedProxies?: readonly string[]
  /**
   * How many requests that prove nothing one network (/24 of IPv4, /64 of IPv6) may send before it gets 429; what is
   * verified never counts. Behind a proxy set `trustedProxies`, or all callers are one network.
   * @default 500 a second, 1000 at once
   */
  readonly sourceLimit?: SourceLimit | 'off'
  /** Largest body that is held back for its digest. Bytes. @default 1_048_576 */
  readonly maxBodyBytes?: number
  /** Most that all bodies held back at a time may take; the one held longest makes room. Bytes. @default 64 × maxBodyBytes */
  readonly maxHeldBytes?: number
  /** How long a body that is held back may take to come. Seconds. @default 30 */
  readonly maxBodySeconds?: number
  /**
   * Where a host keeps the bytes of a body that it reads before any middleware, such as `(req) => req.rawBody`. Asked only about
   * a body that was read; they must be the bytes as they came. @default a body that was read before the guard is `config_error`
   */
  rawBody?(message: ReadMessage): Uint8Array | undefined
  /** Most header field lines accepted. @default 200 */
  readonly maxHeaderFields?: number
  /** Which statuses refusals get. @default 'standard' */
  readonly statusMode?: StatusMode
  /** How much a refusal tells. @default 'code' */
  readonly errorDetail?: ErrorDetail
  /** `observe` lets refused requests pass and reports what would have been refused. @default 'enforce' */
  readonly mode?: 'enforce' | 'observe'
  /** The weakest credential accepted. @default identified for safe methods, signed for unsafe ones */
  readonly minimumLevel?: MinimumLevels
  /**
   * `covered`: a field that overrides the method (`X-HTTP-Method-Override` and its kind) must be covered by the proof, or the
   * request is refused. `ignored`: nothing behind the guard reads such fields. @default 'covered'
   */
  readonly methodOverride?: 'covered' | 'ignored'
  /** What passes without an agent. @default nothing */
  readonly open?: OpenRequests
  /** Who watches decisions: metrics, events. @default nobody */
  readonly observers?: readonly Observer[]
  /** Who writes evidence. @default nobody */
  readonly recorder?: Recorder
  /** Called for each refusal, observed ones included. @default nothing is called */
  readonly onRefusal?: (decision: Decision) => void
  /** Called for each guard as it is composed, with what its checks say of themselves. @default nothing is called */
  readonly onCompose?: (guard: GuardDescription) => void
  /** Codes of checks that are not ours. @default {} */
  readonly refusals?: Readonly<Record<string, RefusalRow>>
  /** More members of what handlers see, each made of the view that it becomes part of. @default {} */
  readonly view?: Readonly<Record<string, ViewMember>>
  /** @default the machine's clock */
  readonly clock?: Clock
  /** `auto` takes tables where `@countermark/ed25519-tables` is installed. @default node:crypto */
  readonly verifier?: SignatureVerifier | 'auto'
  /** Refusals say what was expected and what came, signature base included. Refused with NODE_ENV=production. @default false */
  readonly development?: boolean
}

/** Options after validation, ready for every request. */
export interface GuardSettings extends ReplyOptions, OpenSettings {
  readonly originOf: FindOrigin
  readonly service: () => string
  /** As configured; `undefined` where they are found out later. */
  readonly authorities: readonly string[] | undefined
  readonly trustedProxies: readonly string[]
  readonly strippedPrefix: string
  readonly sourceLimit: SourceLimitSettings | undefined
  readonly maxBodyBytes: number
  readonly maxHeldBytes: number
  readonly maxBodySeconds: number
  readonly rawBody: ((message: ReadMessage) => unknown) | undefined
  readonly maxHeaderFields: number
  readonly mode: 'enforce' | 'observe'
  readonly methodOverride: 'covered' | 'ignored'
  readonly minimumLevel: Readonly<Required<MinimumLevels>>
  readonly observers: readonly Observer[]
  readonly recorder: Recorder | undefined
  readonly onRefusal: ((decision: Decision) => void) | undefined
  readonly onCompose: ((guard: GuardDescription) => void) | undefined
  readonly view: ViewMembers
  readonly clock: Clock
  readonly verifier: SignatureVerifier
}

/** The names of {@link GuardOptions}, for what takes them together with options of its own. */
export const GUARD_OPTIONS: readonly (keyof GuardOptions)[] = [
  ...(['authorities', 'trustedProxies', 'maxBodyBytes', 'maxHeldBytes', 'maxBodySeconds', 'rawBody'] as const),
  ...(['maxHeaderFields', 'statusMode', 'errorDetail', 'mode', 'minimumLevel', 'open', 'observers'] as const),
  ...(['recorder', 'onRefusal', 'onCompose', 'refusals', 'view', 'clock', 'verifier', 'development'] as const),
  ...(['strippedPrefix', 'sourceLimit', 'methodOverride'] as const),
]

/**
 * Validates the options of a guard factory. `foreign` names options that belong to the adapter.
 * @throws {@link Misconfigured}
 */
export function createGuardSettings(options: GuardOptions, foreign: readonly string[] = []): GuardSettings {
  requireKnownOptions('createGuard', options, [...GUARD_OPTIONS, ...foreign])
  // Only what is left out has a default: `null` is refused like any other word.
  const own = bareCopy(options)
  const { authorities, trustedProxies = [], maxHeaderFields = 200 } = own
  const { statusMode = 'standard', errorDetail = 'code', mode = 'enforce', development = false } = own
  const { minimumLevel = {}, open = {}, refusals = {}, view = {}, clock = systemClock, verifier = nodeVerifier } = own
  return {
    originOf: originFinder(authorities),
    service: serviceNamer(authorities),
    authorities: Array.isArray(authorities) ? [...authorities] : undefined,
    trustedProxies: requireStrings('trustedProxies', trustedProxies),
    strippedPrefix: requirePathPrefix(own.strippedPrefix ?? ''),
    sourceLimit: readSourceLimit(own.sourceLimit),
    ...readBodyLimits(own),
    maxHeaderFields: requireNumber('maxHeaderFields', maxHeaderFields, { min: 1, max: 1000 }),
    statusMode: requireWord('statusMode', statusMode, ['standard', 'wba', 'seed']),
    errorDetail: requireWord('errorDetail', errorDetail, ['code', 'full', 'minimal']),
    mode: requireWord('mode', mode, MODES),
    methodOverride: requireWord('methodOverride', own.methodOverride ?? 'covered', ['covered', 'ignored']),
    minimumLevel: readMinimumLevels(minimumLevel),
    ...readOpenRequests(open),
    ...readListeners(own),
    refusals: requireForeignRows(refusals),
    view: readViewMembers(view),
    clock: requireMethods('clock', clock, ['wallMs', 'monotonicMs']),
    verifier: readVerifier(verifier),
    development: readDevelopment(development),
  }
}

function requirePathPrefix(prefix: string): string {
  if (
    prefix === '' ||
    (typeof prefix === 'string' && /^(?:\/[A-Za-z0-9._~-]+)+$/.test(prefix) && !hasDotSegment(prefix))
  )
    return prefix
  throw new Misconfigured('ERR_OPTION_INVALID', 'strippedPrefix must be a path such as /shop, without / at its end')
}

const HELD_AT_ONCE = 64

type BodySettings = Pick<GuardSettings, 'maxBodyBytes' | 'maxHeldBytes' | 'maxBodySeconds' | 'rawBody'>

function readBodyLimits(given: GuardOptions): BodySettings {
  const { maxBodyBytes = 1_048_576, maxBodySeconds = 30, rawBody } = given
  requireNumber('maxBodyBytes', maxBodyBytes, { min: 0 })
  const { maxHeldBytes = Math.min(HELD_AT_ONCE * maxBodyBytes, Number.MAX_SAFE_INTEGER) } = given
  if (rawBody !== undefined && typeof rawBody !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'rawBody must be a function, such as (req) => req.rawBody')
  }
  return {
    maxBodyBytes,
    maxHeldBytes: requireNumber('maxHeldBytes', maxHeldBytes, { min: maxBodyBytes }),
    maxBodySeconds: requireNumber('maxBodySeconds', maxBodySeconds, { min: 0.01, max: 3600 }),
    rawBody,
  }
}

function readMinimumLevels(levels: MinimumLevels): GuardSettings['minimumLevel'] {
  requireKnownOptions('minimumLevel', levels, ['safe', 'unsafe'])
  const { safe = 'identified', unsafe = 'signed' } = bareCopy(levels)
  return {
    safe: requireWord('minimumLevel.safe', safe, LEVELS),
    unsafe: requireWord('minimumLevel.unsafe', unsafe, LEVELS),
  }
}

function readListeners(
  given: Pick<GuardOptions, 'observers' | 'recorder' | 'onRefusal' | 'onCompose'>,
): Pick<GuardSettings, 'observers' | 'recorder' | 'onRefusal' | 'onCompose'> {
  const { observers = [], recorder, onRefusal, onCompose } = given
  if (!Array.isArray(observers)) throw new Misconfigured('ERR_OPTION_INVALID', 'observers must be a list')
  for (const observer of observers) requireObserver(observer)
  if (recorder !== undefined) requireMethods('recorder', recorder, ['record'])
  for (const [name, listen] of Object.entries({ onRefusal, onCompose })) {
    if (listen === undefined || typeof listen === 'function') continue
    throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a function`)
  }
  return { observers: [...observers], recorder, onRefusal, onCompose }
}

function requireObserver(observer: Observer): void {
  const members = ['decided', 'finished', 'measured', 'described'] as const
  const present = members.filter((member) => observer?.[member] !== undefined)
  requireMethods('each of observers', observer, present)
  if (present.length > 0) return
  throw new Misconfigured('ERR_OPTION_INVALID', `each of observers must have one of ${members.join(', ')}`)
}

function readVerifier(verifier: SignatureVerifier | 'auto'): SignatureVerifier {
  if (verifier === 'auto') return findVerifier()
  return requireMethods('verifier', verifier, ['verify', 'verifyInThreadPool'])
}

function readDevelopment(development: boolean): boolean {
  if (requireBoolean('development', development) && process.env['NODE_ENV'] === 'production') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'development must be off when NODE_ENV is production')
  }
  return development
}
