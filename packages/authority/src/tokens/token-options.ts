import type { AuditTrail } from '@countermark/audit'
import { type Clock, type Environment, type KeySource, Misconfigured } from '@countermark/core'
import {
  callback,
  custom,
  methods,
  number,
  type OptionRows,
  optionTable,
  type SourceLimit,
  sourceLimit,
  strings,
  systemClock,
  undescribed,
} from '@countermark/core/internal'
import { standaloneEnvironment } from '@countermark/signature'
import type { SigningKeys } from '../signing-keys/signing-keys.ts'
import type { Store } from '../storage/store.ts'
import { createProofOfPossession } from './binding/proof-of-possession.ts'
import { hashSecret, type ServiceSecrets } from './client-authentication/service-secret.ts'
import { createSignedRequestCheck } from './client-authentication/signed-request.ts'
import { type ConsentOptions, readConsentOptions } from './consent/consent-options.ts'
import { createCallBudget } from './http/call-budget.ts'
import { createSweeper } from './issuing/sweeper.ts'
import { createTokenEventLog } from './issuing/token-events.ts'
import type { TokenTables } from './issuing/token-tables.ts'
import type { Service } from './narrowing/targets.ts'
import { createSqlReplayStore } from './replay/sql-replay-store.ts'
import type { RevocationFeed } from './revocation/revocation-feed.ts'
import { createStatusPlaces } from './status-list/status-places.ts'
import { organisationPrefix } from './subject-tokens/organisation-prefix.ts'
import { NO_ORGANISATIONS, type Organisations } from './subject-tokens/organisations.ts'
import { createSubjectTokens } from './subject-tokens/subject-tokens.ts'
import {
  readIdJagIssuers,
  readUserIssuers,
  readWorkloadIssuers,
  type TrustedIssuers,
} from './subject-tokens/trusted-issuers.ts'
import { configuredPrefixes, createUserNames, type KnownPrefix } from './subject-tokens/user-names.ts'
import type { TokenSettings } from './token-settings.ts'

/** A service that tokens are issued for. */
export interface ServiceOptions {
  /** What `aud` names, such as `https://api.example.com`. Required. */
  readonly audience: string
  /** What its tokens may carry. @default every scope */
  readonly scopes?: readonly string[]
  /** @default the authority's `lifetimeSeconds` */
  readonly maxLifetimeSeconds?: number
  /** How it authenticates itself to ask about tokens (RFC 7662). @default it cannot ask */
  readonly introspection?: { readonly clientId: string; readonly clientSecret: string }
}

/** Options of the tokens of an authority. */
export interface TokenServiceOptions {
  /** The issuer identifier: the https URL that the authority is reached at. Required. */
  readonly issuer: string
  /** Where tokens are written down; migrated before. Required. */
  readonly store: Store
  /** What signs tokens. Required. */
  readonly keys: SigningKeys
  /** Who is registered, with which keys. Required. */
  readonly agents: KeySource
  /** Whom tokens are issued for. Required. */
  readonly services: readonly ServiceOptions[]
  /** Whose tokens and assertions are taken. @default none */
  readonly trustedIssuers?: TrustedIssuers
  /** Organisations that tenants have added to those of the options. @default none */
  readonly organisations?: Organisations
  /** Lets agents ask people in the browser. @default they cannot */
  readonly consent?: ConsentOptions
  /** Records what is issued, refused and revoked. @default nothing is recorded */
  readonly trail?: Pick<AuditTrail, 'event'>
  /** Longest life of a token. Seconds. @default 600 */
  readonly lifetimeSeconds?: number
  /** Longest life of a family of refresh tokens. Seconds. @default 2_592_000 (30 days) */
  readonly refreshSeconds?: number
  /** Most agents in a chain. @default 4 */
  readonly maxDepth?: number
  /** How many requests that prove nothing one network may send to `/token` and its neighbours. @default 500 a second */
  readonly sourceLimit?: SourceLimit | 'off'
  /** How often one client may ask. @default 50 */
  readonly callsPerSecond?: number
  /** Networks whose X-Forwarded-For is believed. @default [] */
  readonly trustedProxies?: readonly string[]
  /** @default the machine's clock */
  readonly clock?: Clock
  /** Where measurements go. @default nowhere */
  readonly report?: Environment['report']
  /** Told of each error that is no refusal. @default a process warning */
  readonly onFault?: (error: unknown) => void
  /** Tells doors which tokens were revoked. @default status lists and introspection alone say so */
  readonly feed?: RevocationFeed
}

const SERVICE = optionTable('services', {
  audience: custom((name, given) => {
    if (typeof given === 'string' && given !== '') return given
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      `${name} must name the service as tokens do, such as https://api.example.com`,
    )
  }),
  scopes: custom((_name, given) => given as readonly string[] | undefined),
  maxLifetimeSeconds: number({ min: 1, max: 86_400 }),
  introspection: undescribed(custom((_name, given) => given as ServiceOptions['introspection'])),
})

const TABLE = optionTable('createTokenService', {
  issuer: custom((_name, given) => requireIssuer(given)),
  store: methods<Store>(['tables'], "such as openStore('file:./authority.db')"),
  keys: methods<SigningKeys>(['findSigner', 'listPublicKeys'], 'such as storedSigningKeys({ store, seal, clock })'),
  agents: methods<KeySource>(['findKeys'], 'the registry'),
  services: custom((_name, given) => readServices(given)),
  trustedIssuers: undescribed(custom((_name, given = {}) => given as TrustedIssuers)),
  organisations: methods<Organisations>(['find', 'listIssuers']),
  consent: undescribed(custom((_name, given) => given as ConsentOptions | undefined)),
  trail: methods<Pick<AuditTrail, 'event'>>(['event']),
  lifetimeSeconds: number({ min: 10, max: 3600, default: 600 }),
  refreshSeconds: number({ min: 60, max: 31_536_000, default: 2_592_000 }),
  maxDepth: number({ min: 1, max: 16, default: 4 }),
  sourceLimit,
  callsPerSecond: number({ min: 1, max: 100_000, default: 50 }),
  trustedProxies: strings([]),
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
  onFault: callback<(error: unknown) => void>(),
  report: undescribed(custom((_name, given) => given as Environment['report'] | undefined)),
  feed: undescribed(methods<RevocationFeed>(['tell', 'told'])),
} satisfies OptionRows<TokenServiceOptions>)

/**
 * Validates the options, and makes everything that the endpoints work with.
 * @throws {@link Misconfigured}
 */
export function readTokenOptions(options: TokenServiceOptions): TokenSettings {
  const {
    services,
    trustedIssuers,
    trail,
    store,
    clock = systemClock,
    report,
    onFault = warn,
    consent,
    organisations = NO_ORGANISATIONS,
    sourceLimit: limit,
    callsPerSecond,
    ...given
  } = TABLE.read(options)
  const { issuer, keys, agents, maxDepth } = given
  const environment = standaloneEnvironment({ clock, ...(report === undefined ? {} : { report }) })
  const tables = store.tables<TokenTables>()
  const replay = createSqlReplayStore(tables)
  const { users = [], idJag = [], workloads = [] } = trustedIssuers
  const budget = createCallBudget(limit, callsPerSecond, clock)
  const audiences = [...services.known.keys()]
  const userIssuers = readUserIssuers(users)
  const idJagIssuers = readIdJagIssuers(idJag, userIssuers)
  const consenting = consent && readConsentOptions(consent)
  const prefixes = configuredPrefixes(userIssuers, idJagIssuers, consenting)
  return {
    ...given,
    onFault,
    budget,
    consent: consenting,
    userNames: createUserNames(issuer, async () => [...prefixes, ...(await prefixesOf(organisations))]),
    store,
    tables,
    services: services.known,
    clients: {
      issuer,
      prove: budget.prove,
      secrets: services.secrets,
      verifySignedRequest: createSignedRequestCheck({ agents, replay, environment }),
      ...{ agents, replay, environment },
    },
    possession: createProofOfPossession(replay, environment),
    places: createStatusPlaces(tables),
    subjects: createSubjectTokens({
      users: userIssuers,
      idJag: idJagIssuers,
      workloads: readWorkloadIssuers(workloads),
      ...{ organisations, issuer, keys, audiences, maxDepth, environment },
    }),
    events: createTokenEventLog(trail, environment),
    sweeper: createSweeper(tables, environment),
    environment,
  }
}

async function prefixesOf({ listIssuers }: Organisations): Promise<readonly KnownPrefix[]> {
  return (await listIssuers()).map((issuer) => ({ issuer, prefix: organisationPrefix(issuer) }))
}

function warn(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(message, { type: 'CountermarkWarning', code: 'authority_fault' })
}

function requireIssuer(given: unknown): string {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined
  const isLocal = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  const isPlain = url !== undefined && url.search === '' && url.hash === '' && url.username === ''
  if (typeof given === 'string' && isPlain && (url.protocol === 'https:' || isLocal) && !given.endsWith('/'))
    return given
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'issuer must be an https URL without query and final slash, such as https://auth.example.com',
  )
}

interface ReadServices {
  readonly known: ReadonlyMap<string, Service>
  readonly secrets: ServiceSecrets
}

function readServices(given: unknown): ReadServices {
  if (!Array.isArray(given) || given.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'services must list at least one service that tokens are issued for')
  }
  const read = given.map((options: ServiceOptions) => SERVICE.read(options, 'services[].'))
  const known = new Map(read.map(({ introspection: _introspection, ...service }) => [service.audience, service]))
  const secrets = read.flatMap(({ audience, introspection }) => {
    if (introspection === undefined) return []
    const { clientId, clientSecret } = introspection
    if (typeof clientSecret !== 'string' || clientSecret.length < 32) {
      throw new Misconfigured(
        'ERR_OPTION_INVALID',
        'services[].introspection.clientSecret must have at least 32 characters',
      )
    }
    return [[clientId, { audience, secretHash: hashSecret(clientSecret) }] as const]
  })
  if (known.size < read.length) throw new Misconfigured('ERR_OPTION_INVALID', 'services must list each service once')
  return { known, secrets: new Map(secrets) }
}
