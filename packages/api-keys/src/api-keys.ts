import { hash, timingSafeEqual } from 'node:crypto'
import {
  type AgentFact,
  type AgentRecord,
  type AgentRequest,
  type Check,
  type CredentialScheme,
  defineCheck,
  type Environment,
  type Facts,
  Misconfigured,
  Refusal,
  Unavailable,
} from '@countermark/core'
import {
  CREDENTIAL_SCHEMES,
  findAgentRecord,
  type GuardDescription,
  isAgentId,
  isThenable,
  then,
  withDeadline,
} from '@countermark/core/internal'
import {
  type ApiKeyRecord,
  type ApiKeySettings,
  type ApiKeysOptions,
  type KeyPlace,
  readApiKeyOptions,
} from './api-key-options.ts'
import { type Calendar, isoTime } from './calendar.ts'
import { METRICS } from './metric-rows.ts'

/** The fact that the check adds. */
interface ApiKeyFacts {
  readonly agent: AgentFact
}

/**
 * Takes API keys for as long as callers move to signatures. A key proves no more than who holds it: level `identified`, which
 * methods that change something accept only where `minimumLevel` allows it. It stands in a guard of its own, behind an optional
 * one that verifies signatures: a request that is signed is judged by its signature, a key besides counts for nothing.
 * @example
 * app.use(guard.with({ optional: true })(verifySignature({ keys }), preventReplay({ store })))
 * app.use(guard(apiKeys({ lookup, deprecated: '2026-11-01T00:00:00Z', sunset: '2027-03-31T00:00:00Z' })))
 * @throws {@link Misconfigured}
 * @throws {@link Refusal} `credentials_missing`, `api_key_unknown`, `api_key_brownout`, `api_key_sunset`, `agent_suspended`
 * @throws {@link Unavailable} `key_source_unavailable`
 */
export function apiKeys(options: ApiKeysOptions): Check<object, ApiKeyFacts> {
  const settings = readApiKeyOptions(options)
  const { calendar, place } = settings
  return defineCheck<object, ApiKeyFacts>(
    {
      name: 'apiKeys',
      needs: [],
      adds: ['agent'],
      settings: settings.stated,
      credentials: [schemeAt(place)],
      metrics: METRICS.rowsOf(
        {},
        { api_key_sunset_timestamp_seconds: () => calendar.sunsetMs && calendar.sunsetMs / 1000 },
      ),
      metadata: { api_keys: { header: writePlace(place), ...calendar.published } },
      challenge: ({ refusal }) => (refusal.code.startsWith('api_key_') ? calendar.fields : []),
      challengeKind: ({ code }) => (code.startsWith('api_key_') ? 'key' : ''),
      announce: ({ agent }) => (agent?.scheme === 'api-key' ? calendar.fields : []),
      inspect: requireOwnGuard,
    },
    (request, facts, environment) => {
      const { agent }: Partial<Facts> = facts
      if (agent === undefined) return checkKey(readKey(request, place), request, settings, environment)
      if (agent.scheme !== 'api-key') {
        environment.report(METRICS.measure('api_key_requests_total', 1, { agent: agent.id, result: 'migrated' }))
      }
      return { agent }
    },
  )
}

/** The SHA-256 of an API key as it is stored and looked up: 64 hexadecimal digits. */
export function hashApiKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/** The row of core, with the field that this service has chosen. */
function schemeAt({ field }: KeyPlace): CredentialScheme {
  const row = CREDENTIAL_SCHEMES.find(({ name }) => name === 'api-key')
  if (row === undefined) throw new TypeError('the table of credentials has no api-key')
  return { ...row, fields: [field], exposes: ['Deprecation', 'Sunset', 'Link'] }
}

function writePlace({ field, scheme }: KeyPlace): string {
  return scheme === undefined ? field : `${field}: ${scheme}`
}

/** A check that verifies signatures refuses what is not signed: in one guard with it no key would ever be looked at. */
function requireOwnGuard({ checks }: GuardDescription): void {
  if (!checks.some(({ name, adds }) => name !== 'apiKeys' && (adds.includes('proof') || adds.includes('delegation'))))
    return
  const fix =
    'app.use(guard.with({ optional: true })(verifySignature(…), preventReplay(…))), then app.use(guard(apiKeys(…)))'
  throw new Misconfigured('ERR_CHECK_ORDER', `apiKeys stands in a guard of its own, behind an optional one: ${fix}`)
}

function readKey({ headers }: AgentRequest, { field, scheme }: KeyPlace): string {
  const value = headers.only(field)?.trim() ?? ''
  const [given = '', key = '', ...rest] = scheme === undefined ? ['', value] : value.split(/ +/)
  const isPresented = value !== '' && (scheme === undefined || given.toLowerCase() === scheme)
  if (!isPresented)
    throw new Refusal('credentials_missing', 'sign the request, or present an API key for as long as keys count')
  // One of another shape was never given out, and is not worth a look-up.
  if (rest.length > 0 || !/^[\x21-\x7e]{1,512}$/.test(key)) throw unknownKey()
  return key
}

function unknownKey(): Refusal {
  return new Refusal('api_key_unknown', 'the API key is not one of this service')
}

function checkKey(
  key: string,
  request: AgentRequest,
  settings: ApiKeySettings,
  environment: Environment,
): ApiKeyFacts | Promise<ApiKeyFacts> {
  const sha256 = hashApiKey(key)
  return then(lookUp(sha256, settings, environment), (found) => {
    const isKnown = found !== undefined && found !== null && isSameHash(found.sha256, sha256)
    environment.report(METRICS.measure('api_key_lookups_total', 1, { result: isKnown ? 'known' : 'unknown' }))
    if (!isKnown) throw unknownKey()
    const own = readRecord(found)
    return then(findRecord(own, request, settings, environment), (record) => {
      requireActive(record)
      requireAccepted(own.id, settings.calendar, environment)
      return { agent: { id: own.id, level: 'identified', scheme: 'api-key', record } }
    })
  })
}

function lookUp(
  sha256: string,
  { lookup, deadlineMs }: ApiKeySettings,
  environment: Environment,
): ReturnType<ApiKeySettings['lookup']> {
  const fail = (cause: unknown): never => {
    environment.report(METRICS.measure('api_key_lookups_total', 1, { result: 'unavailable' }))
    throw new Unavailable('key_source_unavailable', 'api_keys', 'API keys cannot be looked up', { cause })
  }
  try {
    const found = lookup(sha256, environment)
    return isThenable(found) ? withDeadline(Promise.resolve(found), deadlineMs).then(undefined, fail) : found
  } catch (error) {
    return fail(error)
  }
}

/** A database may have answered with the row of another key: by a collation that ignores case, by a prefix. */
function isSameHash(stored: unknown, sha256: string): boolean {
  if (typeof stored !== 'string' || !/^[0-9a-f]{64}$/i.test(stored)) {
    throw new TypeError('lookup must answer with { sha256, agent }; sha256 is what hashApiKey makes of the key')
  }
  return timingSafeEqual(Buffer.from(stored, 'hex'), Buffer.from(sha256, 'hex'))
}

function readRecord({ agent }: ApiKeyRecord): AgentRecord {
  const record = typeof agent === 'string' ? ({ id: agent, state: 'active' } as const) : agent
  if (typeof record?.id === 'string' && isAgentId(record.id)) return record
  throw new TypeError('lookup must say whose key it is: agent is its id, or its record')
}

function findRecord(
  own: AgentRecord,
  request: AgentRequest,
  { agents }: ApiKeySettings,
  environment: Environment,
): AgentRecord | Promise<AgentRecord> {
  if (agents === undefined || own.state !== 'active') return own
  const query = { agentId: own.id, acceptsOldAbsence: true }
  return then(findAgentRecord(agents, query, environment, request), (known) => known ?? own)
}

function requireActive({ state, id }: AgentRecord): void {
  if (state === 'active') return
  throw new Refusal('agent_suspended', 'the agent is suspended or retired', { claimedAgent: id })
}

function requireAccepted(agent: string, calendar: Calendar, { clock, report }: Environment): void {
  const nowMs = clock.wallMs()
  const state = calendar.stateAt(nowMs)
  report(METRICS.measure('api_key_requests_total', 1, { agent, result: state.name }))
  if (state.name === 'accepted') return
  const members = calendar.sunsetMs === undefined ? {} : { sunset: isoTime(calendar.sunsetMs) }
  const about = { claimedAgent: agent, members }
  if (state.name === 'sunset') {
    throw new Refusal('api_key_sunset', 'API keys have ended: sign requests instead', about)
  }
  const retryAfterSeconds = Math.ceil((state.untilMs - nowMs) / 1000)
  const until = isoTime(state.untilMs)
  throw new Refusal('api_key_brownout', `API keys are refused until ${until}: sign requests instead`, {
    ...about,
    retryAfterSeconds,
  })
}
