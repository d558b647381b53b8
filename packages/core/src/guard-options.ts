import { compileAuthorities, type Origin } from './authority.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Level } from './facts.ts'
import { Misconfigured, requireKnownOptions, requireNumber } from './misconfigured.ts'
import type { Decision, Observer, Recorder } from './observer.ts'
import { REFUSAL_CODES, type RefusalRow } from './refusal-codes.ts'
import type { ErrorDetail, ReplyOptions, StatusMode } from './reply.ts'
import { nodeVerifier, type SignatureVerifier } from './signature-verifier.ts'

/** What passes without an agent, by name. Everything else is guarded. */
export interface OpenRequests {
  /** Exact request-targets, query not counted, that GET and HEAD may read, such as `/healthz`. */
  readonly paths?: readonly string[]
  /** Let CORS preflights (OPTIONS with Origin and Access-Control-Request-Method) reach the application. @default false */
  readonly corsPreflight?: boolean
}

/** The weakest credential accepted, by the kind of method (R12). */
export interface MinimumLevels {
  /** GET, HEAD and OPTIONS. @default 'identified' */
  readonly safe?: Level
  /** Everything else. @default 'signed' */
  readonly unsafe?: Level
}

/** What one guard may do differently from its factory. */
export interface RouteOptions {
  /** Let a request without credentials through; invalid ones are still refused. @default false */
  readonly optional?: boolean
  /** `observe` lets refused requests pass and reports what would have been refused. @default 'enforce' */
  readonly mode?: 'enforce' | 'observe'
  /** The weakest credential accepted on this route, whatever its method. @default by method: {@link GuardOptions.minimumLevel} */
  readonly minimumLevel?: Level
}

/** How a backend is guarded. */
export interface GuardOptions {
  /** Who this server is: hosts (https) or origins; a function where the port is known only after `listen`. Required. */
  readonly authorities: readonly string[] | (() => readonly string[])
  /** Networks (CIDR) whose X-Forwarded-For is believed. @default [] nobody's */
  readonly trustedProxies?: readonly string[]
  /** Largest body that is held back for its digest. Bytes. @default 1_048_576 */
  readonly maxBodyBytes?: number
  /** Most header field lines accepted. @default 200 */
  readonly maxHeaderFields?: number
  /** @default 'standard' */
  readonly statusMode?: StatusMode
  /** @default 'code' */
  readonly errorDetail?: ErrorDetail
  /** @default 'enforce' */
  readonly mode?: 'enforce' | 'observe'
  readonly minimumLevel?: MinimumLevels
  readonly open?: OpenRequests
  readonly observers?: readonly Observer[]
  readonly recorder?: Recorder
  /** Called for each refusal, observed ones included. */
  readonly onRefusal?: (decision: Decision) => void
  /** Codes of checks that are not ours. */
  readonly refusals?: Readonly<Record<string, RefusalRow>>
  /** @default the machine's clock */
  readonly clock?: Clock
  /** @default node:crypto */
  readonly verifier?: SignatureVerifier
  /** Refusals say what was expected and what came, signature base included. Refused with NODE_ENV=production. @default false */
  readonly development?: boolean
}

/** Options after validation, ready for every request. */
export interface GuardSettings extends ReplyOptions {
  readonly originOf: (host: string) => Origin | undefined
  readonly trustedProxies: readonly string[]
  readonly maxBodyBytes: number
  readonly maxHeaderFields: number
  readonly mode: 'enforce' | 'observe'
  readonly minimumLevel: Readonly<Required<MinimumLevels>>
  readonly openPaths: ReadonlySet<string>
  readonly corsPreflight: boolean
  readonly observers: readonly Observer[]
  readonly recorder: Recorder | undefined
  readonly onRefusal: ((decision: Decision) => void) | undefined
  readonly clock: Clock
  readonly verifier: SignatureVerifier
}

const KNOWN = [
  'authorities',
  'trustedProxies',
  'maxBodyBytes',
  'maxHeaderFields',
  'statusMode',
  'errorDetail',
  'mode',
  'minimumLevel',
  'open',
  'observers',
  'recorder',
  'onRefusal',
  'refusals',
  'clock',
  'verifier',
  'development',
]

/**
 * Validates the options of a guard factory.
 * @throws {@link Misconfigured}
 */
export function createGuardSettings(options: GuardOptions, foreign: readonly string[] = []): GuardSettings {
  requireKnownOptions('createGuard', options, [...KNOWN, ...foreign])
  const { open = {}, minimumLevel = {}, development = false } = options
  if (development && process.env['NODE_ENV'] === 'production') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'development must be off when NODE_ENV is production')
  }
  requireKnownOptions('open', open, ['paths', 'corsPreflight'])
  requireKnownOptions('minimumLevel', minimumLevel, ['safe', 'unsafe'])
  return {
    originOf: originLookup(options.authorities),
    trustedProxies: options.trustedProxies ?? [],
    maxBodyBytes: requireNumber('maxBodyBytes', options.maxBodyBytes ?? 1_048_576, { min: 0 }),
    maxHeaderFields: requireNumber('maxHeaderFields', options.maxHeaderFields ?? 200, { min: 1, max: 1000 }),
    statusMode: requireWord('statusMode', options.statusMode ?? 'standard', ['standard', 'wba', 'seed']),
    errorDetail: requireWord('errorDetail', options.errorDetail ?? 'code', ['code', 'full', 'minimal']),
    mode: requireWord('mode', options.mode ?? 'enforce', ['enforce', 'observe']),
    minimumLevel: {
      safe: requireWord('minimumLevel.safe', minimumLevel.safe ?? 'identified', LEVELS),
      unsafe: requireWord('minimumLevel.unsafe', minimumLevel.unsafe ?? 'signed', LEVELS),
    },
    openPaths: new Set((open.paths ?? []).map(requirePath)),
    corsPreflight: open.corsPreflight ?? false,
    observers: options.observers ?? [],
    recorder: options.recorder,
    onRefusal: options.onRefusal,
    refusals: requireForeignRows(options.refusals ?? {}),
    clock: options.clock ?? systemClock,
    verifier: options.verifier ?? nodeVerifier,
    development,
  }
}

export const LEVELS: readonly Level[] = ['identified', 'bearer', 'bound', 'signed']

/**
 * Refuses a word that is none of the allowed ones.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireWord<Word extends string>(name: string, value: Word, words: readonly Word[]): Word {
  if (words.includes(value)) return value
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be one of ${words.join(', ')}`)
}

function originLookup(authorities: GuardOptions['authorities']): (host: string) => Origin | undefined {
  if (typeof authorities !== 'function') return compileAuthorities(authorities)
  let known = ''
  let lookup: (host: string) => Origin | undefined = () => undefined
  return (host) => {
    const names = authorities()
    const now = names.join(' ')
    if (now !== known) {
      lookup = compileAuthorities(names)
      known = now
    }
    return lookup(host)
  }
}

function requirePath(path: string): string {
  if (/^\/(?!\/)[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*$/.test(path)) return path
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of open.paths must be one exact path such as /healthz, without a query',
  )
}

function requireForeignRows(rows: Readonly<Record<string, RefusalRow>>): Readonly<Record<string, RefusalRow>> {
  for (const [code, row] of Object.entries(rows)) {
    if (Object.hasOwn(REFUSAL_CODES, code))
      throw new Misconfigured('ERR_OPTION_INVALID', `refusals must not redefine ${code}`)
    if (!/^[a-z][a-z0-9_]*$/.test(code))
      throw new Misconfigured('ERR_OPTION_INVALID', 'refusal codes are snake_case words')
    requireNumber(`refusals.${code}.status`, row.status, { min: 400, max: 599 })
  }
  return rows
}
