import { createPrivateKey } from 'node:crypto'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import type { AuthorityOptions, Store } from '../src/index.ts'
import { createCaller, createWorld, type World } from './authority-world.ts'
import { assertionOf, claimsOf, type KnownAgent, type TokenAnswer } from './tokens/running-authority.ts'
import { exchangeOf } from './tokens/user-issuer.ts'

export const SERVICE = 'https://api.test'

/** An authority of several tenants that issues tokens, each tenant with agents. */
export interface TrustWorld {
  readonly world: World
  readonly issuer: string
  readonly call: ReturnType<typeof createCaller>
  /** Registers an agent with a key. */
  readonly enrol: (id: string, tenant: string) => Promise<KnownAgent>
  /** Exchanges a token. */
  readonly exchange: (by: KnownAgent, token: string, more?: Readonly<Record<string, string>>) => Promise<TokenAnswer>
  readonly post: (path: string, form: Readonly<Record<string, unknown>>, by: KnownAgent) => Promise<TokenAnswer>
  readonly close: () => Promise<void>
}

/** Starts it, with tenants acme and globex. */
export async function startTrustWorld(store: Store, more: Partial<AuthorityOptions> = {}): Promise<TrustWorld> {
  let world: World | undefined
  const server: StartedServer = await startServer((req, res) => void world?.authority.handle(req, res))
  const { tokens, ...others } = more
  const issuer = server.origin
  const services = [{ audience: SERVICE }, { audience: 'https://other.test' }]
  const created = await createWorld(store, { tokens: { services, ...tokens, issuer }, ...others })
  world = created
  const call = createCaller(server.port)
  const { admin: by, clock } = created
  for (const tenant of ['acme', 'globex']) {
    await call('POST', '/tenants', { by, body: { id: tenant, name: tenant } })
    await call('POST', `/tenants/${tenant}/people`, { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
  }
  const post: TrustWorld['post'] = async (path, form, agent) => {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries({ ...form, ...assertionOf(agent, issuer, clock) }))
      body.append(name, String(value))
    const response = await fetch(`${issuer}${path}`, { method: 'POST', body })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
  }
  return {
    ...{ world: created, issuer, call, post },
    enrol: async (id, tenant) => {
      const agent = { tenant, id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['orders:*'] }
      await call('POST', '/agents', { by, body: agent })
      const { body } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
      const signer: TestAgent = await createTestAgent({ agentId: id, clock })
      await call('POST', '/enrolments', { by: signer, body: { code: body.code, key: signer.publicJwk } })
      return { id, agent: signer, privateKey: createPrivateKey({ key: { ...signer.privateJwk }, format: 'jwk' }) }
    },
    exchange: (agent, token, given = {}) => {
      const form = exchangeOf(token, { resource: SERVICE, ...given })
      return post('/token', form, agent)
    },
    close: async () => {
      await created.authority.close()
      await server.close()
      await created.close()
      await created.authority.store.close()
    },
  }
}

export { claimsOf }
