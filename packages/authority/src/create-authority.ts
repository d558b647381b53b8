import type { Environment, KeySource } from '@countermark/core'
import { createFetcher, type Fetcher } from '@countermark/outbound'
import { AGENT_ENDPOINTS } from './api/agent-endpoints.ts'
import { createAuthorize } from './api/authorize.ts'
import { documentRoutes } from './api/document-routes.ts'
import { enrolmentRoutes, OTHER_OPERATIONS } from './api/enrolment-routes.ts'
import { createKeptAnswers } from './api/kept-answers.ts'
import { KEY_ENDPOINTS } from './api/key-endpoints.ts'
import { describeApi, describeRoute } from './api/openapi.ts'
import { RETIREMENT_ENDPOINTS } from './api/retirement-endpoints.ts'
import { reviewEndpoints } from './api/review-endpoints.ts'
import { type ServeOptions, serveEndpoint } from './api/serve.ts'
import { TENANT_ENDPOINTS } from './api/tenant-endpoints.ts'
import { approvalEndpoints } from './approvals/approval-endpoints.ts'
import { createNoticeSender } from './approvals/approval-notices.ts'
import { APPROVAL_MIGRATIONS, type ApprovalTables } from './approvals/approval-tables.ts'
import { callbackEndpoints } from './approvals/callback-endpoints.ts'
import { DOOR_OPERATION, doorApprovalRoute } from './approvals/door-approvals.ts'
import { createEvents, type Events } from './authority-events.ts'
import { type AuthorityOptions, type AuthoritySettings, readAuthorityOptions } from './authority-options.ts'
import { createTokens, firstOriginOf, firstTokens, knownUsers, usersOf } from './authority-tokens.ts'
import { createTrust, type Trust } from './authority-trust.ts'
import { type Authentication, createAuthentication } from './callers/authenticate.ts'
import { callersKeys, watchCallers } from './callers/known-callers.ts'
import { createNetworkBudget } from './callers/network-budget.ts'
import { ROLE_MIGRATIONS } from './callers/role-tables.ts'
import { EVENT_MIGRATIONS } from './events/event-tables.ts'
import { receiverEndpoints } from './events/receiver-endpoints.ts'
import { streamRoutes } from './events/stream-routes.ts'
import { jsonAnswer, type Route } from './http/call.ts'
import { toApiRefusalCode } from './http/codes.ts'
import { createListener, type HandleRequest } from './http/listener.ts'
import { createRouter } from './http/router.ts'
import { TOKEN_METRICS } from './metric-rows.ts'
import { findAgent, registryKeys } from './registry/document.ts'
import type { RegisteredAgent } from './registry/registered-agent.ts'
import { REGISTRY_MIGRATIONS } from './registry/registry-migrations.ts'
import type { RegistryTables } from './registry/registry-tables.ts'
import { SIGNING_KEY_MIGRATIONS } from './signing-keys/signing-key-tables.ts'
import { type SigningKeys, type StoredSigningKeys, storedSigningKeys } from './signing-keys/signing-keys.ts'
import { createDoorCheck } from './stop/door-check.ts'
import { doorRoutes } from './stop/door-routes.ts'
import { createDoorService, type DoorService } from './stop/door-service.ts'
import { stopEndpoints } from './stop/stop-endpoints.ts'
import { STOP_MIGRATIONS } from './stop/stop-tables.ts'
import { migrateUp } from './storage/migrate.ts'
import type { Store, StoredTables } from './storage/store.ts'
import { CONSENT_MIGRATIONS } from './tokens/consent/consent-tables.ts'
import { TOKEN_MIGRATIONS } from './tokens/issuing/token-tables.ts'
import type { UserNames } from './tokens/subject-tokens/user-names.ts'
import type { TokenService } from './tokens/token-service.ts'
import { TRUST_MIGRATIONS } from './trust/trust-tables.ts'

/** The service that says who the agents are. */
export interface Authority {
  /** A listener for node:http, Express (`app.use('/authority', authority.handle)`), and Koa by `ctx.req`, `ctx.res`, `ctx.originalUrl`. */
  readonly handle: HandleRequest
  /** Makes the tables and opens the trail. Call it before the first request. */
  readonly ready: () => Promise<void>
  /** Closes the store, if it was opened here. The trail is yours. */
  readonly close: () => Promise<void>
  /** Keys and records of registered agents, for a guard in this process. */
  readonly keys: KeySource
  /** A registered agent and what it may do now. @throws Refusal `not_found` */
  readonly findAgent: (id: string) => Promise<RegisteredAgent>
  /** Where everything is kept. */
  readonly store: Store
  /** What signs tokens. */
  readonly signingKeys: StoredSigningKeys
  /** What issued tokens are revoked by; `undefined` without the option `tokens`. */
  readonly tokens: TokenService | undefined
  /** Sends what is waiting for receivers of events, as happens by itself once there is something. @returns how many were taken */
  readonly deliverEvents: () => Promise<number>
  /** Fetches trust lists that are due, as happens by itself every few seconds. @returns how many were looked at */
  readonly refreshTrustLists: () => Promise<number>
}

const MAX_BODY_BYTES = 65_536
const MIGRATIONS = [
  ...[...REGISTRY_MIGRATIONS, ...SIGNING_KEY_MIGRATIONS, ...ROLE_MIGRATIONS],
  ...[...TOKEN_MIGRATIONS, ...CONSENT_MIGRATIONS, ...STOP_MIGRATIONS, ...APPROVAL_MIGRATIONS, ...TRUST_MIGRATIONS],
  ...EVENT_MIGRATIONS,
]
const ENDPOINTS = [...TENANT_ENDPOINTS, ...AGENT_ENDPOINTS, ...KEY_ENDPOINTS, ...RETIREMENT_ENDPOINTS]

/**
 * Creates an authority: a registry of agents and their keys with an API, which mounts in Express or Koa or stands alone.
 * @example
 * const authority = createAuthority({ origins, storage: 'file:./authority.db', trail, encryptionKeys, administrators })
 * await authority.ready()
 * app.use('/authority', authority.handle)
 * @throws Misconfigured
 */
export function createAuthority(options: AuthorityOptions): Authority {
  const settings = readAuthorityOptions(options)
  const {
    storage: store,
    trail,
    clock,
    keyAges: policy,
    encryptionKeys: seal,
    signingKeyDays: rotateAfterDays,
  } = settings
  const { reads, transaction } = store.tables<RegistryTables>()
  const doors = createDoorService({ ...settings, reads, onFault: warnOperator })
  const pokes = [doors.poke]
  const stored = { reads, transaction: pokeAfter(transaction, pokes) }
  const keys = registryKeys(stored, policy)
  const signingKeys = storedSigningKeys({ store, seal, clock, rotateAfterDays, onFault: warnOperator })
  const callers = { ...settings, keys: callersKeys(keys, settings.keys), recorder: trail }
  const { findCaller, requireSignedBy } = createAuthentication(callers)
  const report = reportTo(settings.observers)
  const trust = createTrust(settings, { stored, keys: signingKeys, report, onFault: warnOperator })
  const { organisations } = trust
  const tokens = createTokens(settings, { agents: keys, keys: signingKeys, organisations, report }, doors)
  const administrators = new Set(settings.administrators)
  const userNames = usersOf(settings, tokens)
  const serving: ServeOptions = {
    ...{ stored, trail, clock, policy, administrators, users: knownUsers(settings, userNames.find) },
    findCaller: watchCallers(findCaller, stored, settings),
    authorize: createAuthorize(administrators),
    keptAnswers: createKeptAnswers(seal),
  }
  const events = createEvents(settings, signingKeys, { report, onFault: warnOperator })
  pokes.push(events.sender.poke)
  const fetcher = createFetcher(settings.callbackHttp)
  const onFault = warnOperator
  const notices = createNoticeSender({ stored: store.tables<ApprovalTables>(), seal, fetcher, trail, clock, onFault })
  const parts = { doors, events, trust, signingKeys, fetcher, unpoked: { reads, transaction }, userNames }
  const findRoute = createRouter(routesOf(serving, settings, requireSignedBy, parts))
  const handleApi = createListener({
    ...{ findRoute, maxBodyBytes: MAX_BODY_BYTES, report: warnOperator },
    countRefusal: (code) => report(TOKEN_METRICS.measure('api_refused_total', 1, { code: toApiRefusalCode(code) })),
  })
  return {
    handle: tokens === undefined ? handleApi : firstTokens(tokens, handleApi),
    ready: async () => {
      await trail.ready()
      await migrateUp(store, MIGRATIONS, clock.wallMs())
      // The first key is made in a transaction of its own: what signs inside of another one must find it.
      await signingKeys.findSigner()
      doors.start()
      events.sender.start()
      notices.start()
      trust.refresher.start()
    },
    close: async () => {
      doors.close()
      await Promise.all([events.sender.close(), notices.close(), trust.refresher.close()])
      if (typeof options.storage === 'string') await store.close()
    },
    findAgent: (id) => findAgent(stored.reads, id),
    ...{ keys, store, signingKeys, tokens, deliverEvents: events.sender.deliver },
    refreshTrustLists: trust.refresher.refresh,
  }
}

function reportTo(observers: AuthoritySettings['observers']): Environment['report'] {
  for (const observer of observers) observer.described?.({ checks: [], rows: TOKEN_METRICS.rows })
  return (measurement) => {
    for (const observer of observers) observer.measured?.(measurement)
  }
}

interface RouteParts {
  readonly doors: DoorService
  readonly events: Events
  readonly trust: Trust
  readonly signingKeys: SigningKeys
  readonly fetcher: Fetcher
  readonly unpoked: StoredTables<RegistryTables>
  readonly userNames: UserNames
}

function routesOf(
  serving: ServeOptions,
  settings: AuthoritySettings,
  requireSignedBy: Authentication['requireSignedBy'],
  { doors, events, trust, signingKeys, fetcher, unpoked, userNames }: RouteParts,
): readonly Route[] {
  const { doorTokens, overlapHours, decisions, tokens, origins, encryptionKeys: seal } = settings
  const stops = stopEndpoints({ authorize: serving.authorize, issuer: tokens?.issuer, userNames })
  const { authorize } = serving
  const issuer = tokens?.issuer ?? firstOriginOf(origins)
  const approvals = approvalEndpoints({ authorize, signingKeys, issuer, doorTokens })
  const guarded = createDoorCheck(doorTokens, 'closed')
  const endpoints = [
    ...ENDPOINTS,
    ...reviewEndpoints(decisions),
    ...stops,
    ...approvals,
    ...callbackEndpoints({ seal, fetcher }),
    ...trust.endpoints,
    ...receiverEndpoints(events.options),
  ]
  return [
    ...endpoints.map((endpoint) => serveEndpoint(endpoint, serving)),
    ...enrolmentRoutes({ ...serving, requireSignedBy, overlapHours, budget: createNetworkBudget(settings) }),
    ...documentRoutes({ ...serving, doorTokens }),
    // What a door says tells other doors nothing.
    ...doorRoutes({ ...serving, ...doors, stored: unpoked, guarded }),
    doorApprovalRoute({ ...serving, guarded }),
    ...streamRoutes(events.options),
    ...trust.routes,
    {
      method: 'GET',
      path: '/approval-keys',
      handle: async () => jsonAnswer(200, { keys: await signingKeys.listPublicKeys() }),
    },
    describeRoute(describeApi(endpoints, [...OTHER_OPERATIONS, DOOR_OPERATION])),
  ]
}

/** Doors hear of what was committed here at once. */
function pokeAfter(
  transaction: StoredTables<RegistryTables>['transaction'],
  pokes: readonly (() => void)[],
): StoredTables<RegistryTables>['transaction'] {
  return async (lock, work, committing) => {
    const result = await transaction(lock, work, committing)
    for (const poke of pokes) poke()
    return result
  }
}

function warnOperator(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(text, { type: 'CountermarkWarning', code: 'authority_failed' })
}
