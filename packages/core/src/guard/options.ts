import type { GuardDescription } from '../check.ts'
import { LEVELS, type Level } from '../credential-scheme.ts'
import { type Clock, systemClock } from '../environment.ts'
import type { JsonValue } from '../internal/canonical-json.ts'
import { findDocsFile } from '../internal/docs-file.ts'
import {
  callback,
  custom,
  methods,
  nested,
  number,
  optionTable,
  strings,
  undescribed,
  word,
} from '../internal/option-table.ts'
import { requireBoolean, requireMethods, requireNumber } from '../internal/options.ts'
import { findVerifier } from '../keys/find-verifier.ts'
import { nodeVerifier, type SignatureVerifier } from '../keys/key.ts'
import { Misconfigured } from '../misconfigured.ts'
import type { ReadMessage } from '../node/body.ts'
import { type RefusalRow, requireForeignRows } from '../refusal/codes.ts'
import type { ErrorDetail, ReplyOptions, StatusMode } from '../refusal/response.ts'
import { hasDotSegment } from '../request.ts'
import type { Decision, Observer, Recorder } from '../seams/observer.ts'
import { type OpenRequests, type OpenSettings, openRequests, openSettings } from './open-requests.ts'
import { type FindOrigin, type Origins, originFinder, serviceNamer } from './origins.ts'
import { isRehearsal } from './rehearsal.ts'
import { ENFORCED, MODES, type Mode, type Rollout, type RolloutSettings, readRollout } from './rollout.ts'
import { type SourceLimit, type SourceLimitSettings, sourceLimit } from './source-limit.ts'
import { readViewMembers, type ViewMember, type ViewMembers } from './view-members.ts'

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
   * value, for tenants that come and go, or where the port is known only after `listen`. Required. Up to 0.1 the name was
   * `authorities`; JavaScript may use that name for one release.
   */
  readonly origins: Origins
  /**
   * A prefix that a gateway in front takes off the path, such as `/shop`: agents sign the path with it. `open` goes by the
   * path without. @default '' none
   */
  readonly strippedPrefix?: string
  /** Networks (CIDR) whose X-Forwarded-For is believed. @default [] none is believed */
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
  readonly mode?: Mode
  /**
   * Enforces for a share of callers and observes for the others, instead of `mode`: `{ percent: 10 }`. For going live step by
   * step, not against attackers. @default all or none, as `mode` says
   */
  readonly enforce?: Rollout
  /** The weakest credential accepted. @default identified for safe methods, signed for unsafe ones */
  readonly minimumLevel?: MinimumLevels
  /**
   * `covered`: a field that overrides the method (`X-HTTP-Method-Override` and its kind) must be covered by the proof, or the
   * request is refused. `ignored`: nothing behind the guard reads such fields. @default 'covered'
   */
  readonly methodOverride?: 'covered' | 'ignored'
  /** What passes without an agent. @default nothing */
  readonly open?: OpenRequests
  /** Who watches decisions: metrics, events. @default none */
  readonly observers?: readonly Observer[]
  /** Who writes evidence. @default none */
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
  readonly origins: readonly string[] | undefined
  readonly trustedProxies: readonly string[]
  readonly strippedPrefix: string
  readonly sourceLimit: SourceLimitSettings | undefined
  readonly maxBodyBytes: number
  readonly maxHeldBytes: number
  readonly maxBodySeconds: number
  /** Finds the bytes of a body that the host has read. */
  readonly rawBody: ((message: ReadMessage) => unknown) | undefined
  readonly maxHeaderFields: number
  readonly rollout: RolloutSettings
  readonly methodOverride: 'covered' | 'ignored'
  readonly minimumLevel: Readonly<Required<MinimumLevels>>
  readonly observers: readonly Observer[]
  readonly recorder: Recorder | undefined
  readonly onRefusal: ((decision: Decision) => void) | undefined
  readonly onCompose: ((guard: GuardDescription) => void) | undefined
  readonly view: ViewMembers
  readonly clock: Clock
  readonly verifier: SignatureVerifier
  /** For the configuration hash. */
  readonly description: Readonly<Record<string, JsonValue>>
}

const GUARD = optionTable('createGuard', {
  origins: custom((_name, given) => readOrigins(given as Origins)),
  trustedProxies: strings([]),
  strippedPrefix: custom((_name, given = '') => requirePathPrefix(given)),
  sourceLimit,
  maxBodyBytes: number({ min: 0, default: 1_048_576 }),
  maxHeldBytes: number({ min: 0 }),
  maxBodySeconds: number({ min: 0.01, max: 3600, default: 30 }),
  rawBody: callback<NonNullable<GuardSettings['rawBody']>>(),
  maxHeaderFields: number({ min: 1, max: 1000, default: 200 }),
  statusMode: word(['standard', 'wba', 'seed'], 'standard'),
  errorDetail: word(['code', 'full', 'minimal'], 'code'),
  mode: undescribed(word(MODES)),
  enforce: undescribed(custom((_name, given) => given as Rollout | undefined)),
  methodOverride: word(['covered', 'ignored'], 'covered'),
  minimumLevel: nested(
    optionTable('minimumLevel', { safe: word(LEVELS, 'identified'), unsafe: word(LEVELS, 'signed') }),
  ),
  open: openRequests,
  observers: undescribed(custom((_name, given = []) => requireObservers(given))),
  recorder: undescribed(methods<Recorder>(['record'])),
  onRefusal: callback<NonNullable<GuardOptions['onRefusal']>>(),
  onCompose: callback<NonNullable<GuardOptions['onCompose']>>(),
  refusals: custom((_name, given = {}) => requireForeignRows(given as NonNullable<GuardOptions['refusals']>)),
  view: undescribed(custom((_name, given = {}) => readViewMembers(given as NonNullable<GuardOptions['view']>))),
  clock: undescribed(custom((name, given = systemClock) => requireMethods(name, given as Clock, CLOCK))),
  verifier: undescribed(custom((_name, given = nodeVerifier) => readVerifier(given as SignatureVerifier | 'auto'))),
  development: custom((name, given = false) => requireDevelopment(requireBoolean(name, given as boolean))),
})

const CLOCK = ['wallMs', 'monotonicMs'] as const
const HELD_AT_ONCE = 64

/** The names of {@link GuardOptions}, for what takes them together with options of its own. */
export const GUARD_OPTIONS: readonly (keyof GuardOptions)[] = GUARD.names

/**
 * Validates the options of a guard factory. `others` names options that the adapter reads.
 * @throws {@link Misconfigured}
 */
export function createGuardSettings(options: GuardOptions, others: readonly string[] = []): GuardSettings {
  const { origins, open, mode, enforce, ...read } = GUARD.read(renameOrigins(options), '', others)
  const { maxBodyBytes, maxHeldBytes = Math.min(HELD_AT_ONCE * maxBodyBytes, Number.MAX_SAFE_INTEGER) } = read
  requireNumber('maxHeldBytes', maxHeldBytes, { min: maxBodyBytes })
  const rollout = readRollout({ mode, enforce }, ENFORCED)
  const description = GUARD.describe({ ...read, maxHeldBytes, open, origins: origins.origins })
  const help = read.development ? findDocsFile('refusals.md') : undefined
  const recorder = isRehearsal() ? undefined : read.recorder
  return { ...read, ...origins, ...openSettings(open), maxHeldBytes, rollout, description, help, recorder }
}

/**
 * Takes `origins` under its former name, `authorities`, for one release.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` when both are given
 */
export function renameOrigins<Options extends Pick<GuardOptions, 'origins'>>(options: Options): Options {
  if (typeof options !== 'object' || options === null || !('authorities' in options)) return options
  const { authorities, ...others } = options as Options & { readonly authorities: Origins }
  if (others.origins !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'authorities is the former name of origins: give origins alone')
  }
  return { ...others, origins: authorities } as unknown as Options
}

function readOrigins(origins: Origins): Pick<GuardSettings, 'originOf' | 'service' | 'origins'> {
  return {
    originOf: originFinder(origins),
    service: serviceNamer(origins),
    origins: Array.isArray(origins) ? [...origins] : undefined,
  }
}

function requirePathPrefix(prefix: unknown): string {
  const isPath = typeof prefix === 'string' && /^(?:\/[A-Za-z0-9._~-]+)+$/.test(prefix) && !hasDotSegment(prefix)
  if (prefix === '' || isPath) return prefix
  throw new Misconfigured('ERR_OPTION_INVALID', 'strippedPrefix must be a path such as /shop, without / at its end')
}

function requireObservers(observers: unknown): readonly Observer[] {
  if (!Array.isArray(observers)) throw new Misconfigured('ERR_OPTION_INVALID', 'observers must be a list')
  return observers.map(requireObserver)
}

function requireObserver(observer: Observer): Observer {
  const members = ['decided', 'finished', 'measured', 'described'] as const
  const present = members.filter((member) => observer?.[member] !== undefined)
  requireMethods('each of observers', observer, present)
  if (present.length > 0) return observer
  throw new Misconfigured('ERR_OPTION_INVALID', `each of observers must have one of ${members.join(', ')}`)
}

function readVerifier(verifier: SignatureVerifier | 'auto'): SignatureVerifier {
  if (verifier === 'auto') return findVerifier()
  return requireMethods('verifier', verifier, ['verify', 'verifyInThreadPool'])
}

function requireDevelopment(development: boolean): boolean {
  if (!development || process.env['NODE_ENV'] !== 'production') return development
  throw new Misconfigured('ERR_OPTION_INVALID', 'development must be off when NODE_ENV is production')
}
