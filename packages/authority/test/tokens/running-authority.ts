import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { AuditEvent } from '@countermark/audit'
import type { AgentKey, AgentRecord, KeySource } from '@countermark/core'
import type { Measurement } from '@countermark/core/internal'
import {
  agentKeyOf,
  createFakeClock,
  createTestAgent,
  type FakeClock,
  startServer,
  type TestAgent,
} from '@countermark/testing'
import { migrateUp, type Store } from '../../src/index.ts'
import { createSealAtRest } from '../../src/signing-keys/sealed-key.ts'
import { SIGNING_KEY_MIGRATIONS } from '../../src/signing-keys/signing-key-tables.ts'
import { type StoredSigningKeys, storedSigningKeys } from '../../src/signing-keys/signing-keys.ts'
import { CONSENT_MIGRATIONS } from '../../src/tokens/consent/consent-tables.ts'
import { TOKEN_MIGRATIONS } from '../../src/tokens/issuing/token-tables.ts'
import type { TokenServiceOptions } from '../../src/tokens/token-options.ts'
import { createTokenService, type TokenService } from '../../src/tokens/token-service.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'

export const ORDERS = 'https://orders.example.com'
export const REFUNDS = 'https://refunds.example.com'
export const INTROSPECTOR = { clientId: 'svc_orders', clientSecret: 'a secret of thirty-two characters' }

/** An agent that the authority knows, with both halves of its key. */
export interface KnownAgent {
  readonly id: string
  readonly agent: TestAgent
  readonly privateKey: KeyObject
}

/** What a token endpoint answered. */
export interface TokenAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

export type FormValues = Readonly<Record<string, string | readonly string[] | undefined>>

/** An authority that listens. */
export interface RunningAuthority {
  readonly issuer: string
  readonly clock: FakeClock
  readonly tokens: TokenService
  readonly store: Store
  readonly keys: StoredSigningKeys
  readonly agents: KeySource
  readonly events: readonly AuditEvent[]
  readonly measured: readonly Measurement[]
  /** Registers an agent, or changes what is known of it. */
  readonly register: (agent: TestAgent, record?: Partial<AgentRecord>) => KnownAgent
  readonly createAgent: (id: string, record?: Partial<AgentRecord>) => Promise<KnownAgent>
  /** Sends a form; `by` authenticates itself with its key. */
  readonly post: (
    path: string,
    form: FormValues,
    by?: KnownAgent,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<TokenAnswer>
  readonly close: () => Promise<void>
}

/** How one is started. */
export interface RunningOptions extends Partial<Omit<TokenServiceOptions, 'clock'>> {
  readonly place?: StorePlace
  /** @default one that stands still */
  readonly clock?: FakeClock
}

/** Starts an authority with a database of its own. */
export async function startAuthority(options: RunningOptions = {}): Promise<RunningAuthority> {
  const { place = await sqlitePlace(), clock = createFakeClock(), ...given } = options
  const store = place.open()
  await migrateUp(store, [...SIGNING_KEY_MIGRATIONS, ...TOKEN_MIGRATIONS, ...CONSENT_MIGRATIONS], clock.wallMs())
  const known = new Map<string, AgentKey>()
  const events: AuditEvent[] = []
  const measured: Measurement[] = []
  const agents = registryOf(known)
  const seal = createSealAtRest({ v1: randomBytes(32).toString('base64') })
  const keys = storedSigningKeys({ store, seal, clock })
  const server = await startServer((message, response) => {
    void tokens.handle(message, response, message.url ?? '').then((isAnswered) => {
      if (!isAnswered) response.writeHead(404).end()
    })
  })
  const issuer = server.origin
  const tokens = createTokenService({
    ...{ issuer, store, keys, agents, clock, callsPerSecond: 100_000 },
    services: [
      { audience: ORDERS, scopes: ['orders:*', 'order:*:read'], introspection: INTROSPECTOR },
      { audience: REFUNDS },
    ],
    trail: { event: async (event) => void events.push(event) },
    report: (measurement) => void measured.push(measurement),
    ...given,
  })
  const register = (agent: TestAgent, record: Partial<AgentRecord> = {}): KnownAgent => {
    const id = agent.agentId
    const capabilities = ['orders:*', 'refunds:*']
    known.set(id, agentKeyOf(agent, { agent: { id, state: 'active', capabilities, ...record } }))
    return { id, agent, privateKey: createPrivateKey({ key: { ...agent.privateJwk }, format: 'jwk' }) }
  }
  return {
    ...{ issuer, clock, tokens, store, keys, agents, events, measured, register },
    createAgent: async (id, record) => register(await createTestAgent({ agentId: id, clock }), record),
    post: (path, form, by, headers = {}) =>
      post(`${issuer}${path}`, { ...form, ...(by && assertionOf(by, issuer, clock)) }, headers),
    close: async () => {
      await server.close()
      await store.close()
      await place.remove()
    },
  }
}

function registryOf(known: ReadonlyMap<string, AgentKey>): KeySource {
  return {
    name: 'test',
    findKeys: ({ agentId, keyId }) =>
      [...known.values()].filter(
        (key) => (agentId === undefined || key.agent.id === agentId) && (keyId === undefined || key.keyId === keyId),
      ),
    findAgent: ({ agentId }) => known.get(agentId)?.agent,
  }
}

/** `private_key_jwt`, made without the code under test. */
export function assertionOf(by: KnownAgent, audience: string, clock: FakeClock, changes: object = {}): FormValues {
  const now = clock.seconds()
  const jti = randomBytes(12).toString('hex')
  const claims = { iss: by.id, sub: by.id, aud: audience, jti, iat: now, exp: now + 60, ...changes }
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: signJwt(by, { alg: 'EdDSA', kid: by.agent.keyId }, claims),
  }
}

/** A JWT that is signed with an Ed25519 key. */
export function signJwt({ privateKey }: Pick<KnownAgent, 'privateKey'>, header: object, claims: object): string {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
}

async function post(url: string, form: FormValues, headers: Readonly<Record<string, string>>): Promise<TokenAnswer> {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) {
    for (const each of value === undefined ? [] : [value].flat()) body.append(name, each)
  }
  const response = await fetch(url, { method: 'POST', body, headers })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** Reads the payload of a token without looking at its signature. */
export function claimsOf(token: unknown): Readonly<Record<string, unknown>> {
  const [, payload = ''] = String(token).split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}
