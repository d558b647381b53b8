import type { AuditTrail } from '@countermark/audit'
import { type Clock, type KeySource, Misconfigured, type Observer, type ReplayStore } from '@countermark/core'
import {
  callback,
  custom,
  methods,
  number,
  type OptionRows,
  type Origins,
  optionTable,
  type RedisClient,
  requireDuplicable,
  type SourceLimit,
  strings,
  systemClock,
  text,
  undescribed,
} from '@countermark/core/internal'
import type { FetcherOptions } from '@countermark/outbound'
import { memoryReplayStore } from '@countermark/replay'
import type { PeopleOptions } from './callers/authenticate.ts'
import { isCallerName } from './callers/caller.ts'
import type { ReadDecisions } from './registry/access-review.ts'
import { DEFAULT_KEY_POLICY, type KeyPolicy } from './registry/key-policy.ts'
import { createSealAtRest, type EncryptionKeys, type SealAtRest } from './signing-keys/sealed-key.ts'
import type { DoorStreamLimits } from './stop/door-streams.ts'
import type { PushOptions } from './stop/redis-push.ts'
import { openStore } from './storage/open-store.ts'
import type { Store } from './storage/store.ts'
import type { TokenServiceOptions } from './tokens/token-options.ts'

/** What the authority issues tokens by; the rest it has itself. */
export type TokenOptions = Omit<
  TokenServiceOptions,
  | 'store'
  | 'keys'
  | 'agents'
  | 'trail'
  | 'clock'
  | 'report'
  | 'organisations'
  | 'sourceLimit'
  | 'callsPerSecond'
  | 'trustedProxies'
  | 'feed'
>

/** Options of {@link createAuthority}. */
export interface AuthorityOptions {
  /** Who the authority is: hosts (https) or origins, as callers sign them. Required. */
  readonly origins: Origins
  /** `file:./authority.db` or `postgres://user@host/database`, or a store that you open and close. Required. */
  readonly storage: string | Store
  /** Where every administrative act is recorded before it takes effect: `auditTrail({ sinks })`. Required. */
  readonly trail: AuditTrail
  /** Keys that seal what is secret in the database: `{ v1: 32 bytes in base64 }`; the first seals, all open. Required. */
  readonly encryptionKeys: EncryptionKeys
  /** Callers who may do everything: `agent:agt_ops`, `person:jane@example.com`. At least one. Required. */
  readonly administrators: readonly string[]
  /** Keys of callers who are not registered here, such as the first administrator. @default registered agents only */
  readonly keys?: KeySource
  /** People who call with a token of their identity provider. @default none */
  readonly people?: PeopleOptions
  /** Where used signatures are remembered; processes must share it. @default memoryReplayStore() */
  readonly replayStore?: ReplayStore
  /** Issues tokens: where, for which services, on whose word. @default no tokens are issued */
  readonly tokens?: TokenOptions
  /** How old the key that signs tokens becomes before the next one follows by itself. Days. @default 90 */
  readonly signingKeyDays?: number
  /** How events are posted to their receivers. @default https, public addresses alone */
  readonly eventHttp?: FetcherOptions
  /** How issuers and lists of organisations that tenants add at run time are fetched. @default https, public addresses alone */
  readonly organisationHttp?: FetcherOptions
  /** How old keys may become, by kind. @default software 90 days, hardware 365, workload 1 */
  readonly keyAges?: KeyPolicy
  /** How long the key that begins a rotation goes on. Hours, 24 to 48. @default 24 */
  readonly overlapHours?: number
  /**
   * Tokens of doors: with one they follow stops, report uses of keys, and read the registry (`registry(url, { headers })`).
   * @default [] everybody may read the registry, and nothing follows stops
   */
  readonly doorTokens?: readonly string[]
  /** How many streams doors may hold open in this process. @default { eachToken: 1000, all: 10_000 } */
  readonly doorStreams?: DoorStreamLimits
  /**
   * Pushes stops by Redis, too: it wakes the streams of other processes of the authority, and doors may read it
   * (`fromAuthority(url, { token, redis })`). Who may write to that Redis can tell doors that nothing was stopped. @default not pushed
   */
  readonly push?: PushOptions
  /** Who watches decisions: metrics, events. @default [] */
  readonly observers?: readonly Observer[]
  /** Networks whose X-Forwarded-For is believed. @default [] */
  readonly trustedProxies?: readonly string[]
  /** How many requests that prove nothing one network may send. @default as a guard has it */
  readonly sourceLimit?: SourceLimit | 'off'
  /** Lines of the doors' audit trails from a moment on, for the access review. @default there is no review */
  readonly decisions?: ReadDecisions
  /** How agents are told what people decided, at the addresses that their owners registered. @default https at public addresses */
  readonly callbackHttp?: FetcherOptions
  /** Requests that one caller may send each second; twice as many at once. @default 50 */
  readonly callsPerSecond?: number
  /** @default the machine's clock */
  readonly clock?: Clock
}

const STREAMS = optionTable('createAuthority', {
  eachToken: number({ min: 1, max: 1_000_000, default: 1000 }),
  all: number({ min: 1, max: 1_000_000, default: 10_000 }),
})

const ROWS = {
  origins: custom((_name, given) => given as Origins | undefined),
  storage: undescribed(custom((_name, given) => openStore(given))),
  trail: methods<AuditTrail>(['event', 'record'], 'pass auditTrail({ sinks: [fileSink({ path })] })'),
  encryptionKeys: undescribed(custom((_name, given) => createSealAtRest((given ?? {}) as EncryptionKeys))),
  administrators: strings([]),
  keys: methods<KeySource>(['findKeys']),
  people: undescribed(custom((_name, given) => given as PeopleOptions | undefined)),
  tokens: undescribed(custom((_name, given) => given as TokenOptions | undefined)),
  replayStore: methods<ReplayStore>(['claim', 'issueNonce']),
  signingKeyDays: number({ min: 1, max: 3650, default: 90 }),
  eventHttp: undescribed(custom((_name, given = {}) => given as FetcherOptions)),
  organisationHttp: undescribed(custom((_name, given = {}) => given as FetcherOptions)),
  keyAges: custom((_name, given = DEFAULT_KEY_POLICY) => requireKeyAges(given as KeyPolicy)),
  overlapHours: number({ min: 24, max: 48, default: 24 }),
  doorTokens: undescribed(strings([])),
  doorStreams: custom((_name, given) => STREAMS.read((given ?? {}) as DoorStreamLimits, 'doorStreams.')),
  push: undescribed(custom((_name, given) => readPush(given))),
  observers: undescribed(custom((_name, given = []) => given as readonly Observer[])),
  trustedProxies: strings([]),
  sourceLimit: custom((_name, given) => given as SourceLimit | 'off' | undefined),
  decisions: callback<ReadDecisions>(),
  callbackHttp: undescribed(custom((_name, given = {}) => given as FetcherOptions)),
  callsPerSecond: number({ min: 1, max: 100_000, default: 50 }),
  clock: undescribed(methods<Clock>(['wallMs', 'monotonicMs'])),
} satisfies OptionRows<AuthorityOptions>

const TABLE = optionTable('createAuthority', ROWS)
const PUSH = optionTable('createAuthority', {
  redis: custom((name, given) => {
    requireDuplicable(name, given as RedisClient)
    return given as RedisClient
  }),
  stream: text('countermark:stops'),
})

/** Options after validation. */
export interface AuthoritySettings {
  readonly origins: Origins
  readonly storage: Store
  readonly trail: AuditTrail
  readonly encryptionKeys: SealAtRest
  readonly administrators: readonly string[]
  readonly keys: KeySource | undefined
  readonly people: PeopleOptions | undefined
  readonly tokens: TokenOptions | undefined
  readonly signingKeyDays: number
  readonly eventHttp: FetcherOptions
  readonly organisationHttp: FetcherOptions
  readonly replayStore: ReplayStore
  readonly keyAges: KeyPolicy
  readonly overlapHours: number
  readonly doorTokens: readonly string[]
  readonly doorStreams: Required<DoorStreamLimits>
  readonly push: Required<PushOptions> | undefined
  readonly observers: readonly Observer[]
  readonly trustedProxies: readonly string[]
  readonly sourceLimit: SourceLimit | 'off' | undefined
  readonly decisions: ReadDecisions | undefined
  readonly callbackHttp: FetcherOptions
  readonly callsPerSecond: number
  readonly clock: Clock
}

/**
 * Validates what an authority is made of.
 * @throws {@link Misconfigured}
 */
export function readAuthorityOptions(options: AuthorityOptions): AuthoritySettings {
  const { clock = systemClock, origins, replayStore, ...settings } = TABLE.read(options)
  if (origins === undefined) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      "createAuthority needs origins; write ['https://authority.example.com']",
    )
  }
  const { administrators } = settings
  if (administrators.length === 0 || !administrators.every(isCallerName)) {
    const fix = "write ['agent:agt_ops'] or ['person:jane@example.com']"
    throw new Misconfigured('ERR_OPTION_INVALID', `administrators must name at least one caller; ${fix}`)
  }
  return { ...settings, origins, clock, replayStore: replayStore ?? memoryReplayStore() }
}

function readPush(given: unknown): Required<PushOptions> | undefined {
  return given === undefined ? undefined : PUSH.read(given as PushOptions, 'push.')
}

function requireKeyAges(policy: KeyPolicy): KeyPolicy {
  for (const [kind, { warn, rotate, refuse }] of Object.entries(policy)) {
    if (warn > 0 && rotate >= warn && refuse >= rotate && Number.isFinite(refuse)) continue
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      `keyAges.${kind} must be days, such as { warn: 60, rotate: 75, refuse: 90 }`,
    )
  }
  return { ...DEFAULT_KEY_POLICY, ...policy }
}
