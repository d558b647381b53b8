import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AgentFetch, createAgentFetch, type GeneratedAgentKey } from '@countermark/client'
import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { CommandError } from '../errors.ts'
import { writeAgentKey } from '../keygen.ts'
import type { Terminal } from '../terminal.ts'
import type { AuthoritySettings } from './authority-settings.ts'

/** Where the playground is. */
export interface DevPlaces {
  readonly authority: string
  readonly port: number
  /** Whom tokens are for: the sample API. */
  readonly audience: string
}

/** What an authority of the playground starts with, and what makes it know an agent. */
export interface SettledIn {
  readonly settings: AuthoritySettings
  readonly agent: string
  readonly doorToken: string
  /** Registers the agent as people would: tenant, owner, agent, code, key, token. Once the authority listens. */
  readonly enrol: () => Promise<void>
}

const AGENT = 'agt_shopper'
const HOUR_SECONDS = 3600

/** Makes keys and secrets in the folder of the terminal. */
export function settleIn(terminal: Terminal, { authority, port, audience }: DevPlaces): SettledIn {
  const ops = writeAgentKey(terminal, 'agt_ops', {
    out: 'ops-key.pem',
    agents: 'administrators.json',
    algorithm: 'ed25519',
  })
  const shopper = writeAgentKey(terminal, AGENT, { out: 'agent-key.pem', algorithm: 'ed25519' })
  const doorToken = randomBytes(24).toString('base64url')
  const settings: AuthoritySettings = {
    ...{ listen: { host: '127.0.0.1', port }, metricsListen: undefined, redis: undefined, decisions: [] },
    ...{ storage: 'file:./authority.db', audit: 'authority-audit.ndjson', administratorKeys: 'administrators.json' },
    options: {
      ...{ origins: [authority], administrators: ['agent:agt_ops'], doorTokens: [doorToken] },
      encryptionKeys: { v1: randomBytes(32).toString('base64') },
      tokens: { issuer: authority, services: [{ audience }], lifetimeSeconds: HOUR_SECONDS },
    },
  }
  const enrol = async (): Promise<void> => {
    const token = await enrolAgent(authority, audience, [ops, shopper])
    writeFileSync(join(terminal.folder, 'token.txt'), `${token}\n`, { mode: 0o600 })
  }
  return { settings, agent: AGENT, doorToken, enrol }
}

async function enrolAgent(
  authority: string,
  audience: string,
  [ops, shopper]: readonly [GeneratedAgentKey, GeneratedAgentKey],
): Promise<unknown> {
  const asOps = createAgentFetch({ agentId: 'agt_ops', key: ops.privateKey, origins: [authority] })
  const asShopper = createAgentFetch({ agentId: AGENT, key: shopper.privateKey, origins: [authority] })
  const ceiling = ['orders:*']
  await post(asOps, `${authority}/tenants`, { id: 'demo', name: 'Demo' })
  await post(asOps, `${authority}/tenants/demo/people`, { id: 'you', name: 'You', ceiling })
  const purpose = { name: 'Shopper', purpose: 'to try things', owners: ['you'], ceiling: ['orders:read'] }
  await post(asOps, `${authority}/agents`, { id: AGENT, tenant: 'demo', ...purpose })
  const { code } = await post(asOps, `${authority}/agents/${AGENT}/enrolment-codes`, {})
  await post(asShopper, `${authority}/enrolments`, { code, key: shopper.publicJwk })
  const form = new URLSearchParams({ grant_type: 'client_credentials', resource: audience, scope: 'orders:read' })
  const { access_token: token } = await read(await asShopper(`${authority}/token`, { method: 'POST', body: form }))
  return token
}

async function post(send: AgentFetch, url: string, body: object): Promise<JsonObject> {
  const headers = { 'content-type': 'application/json' }
  return read(await send(url, { method: 'POST', headers, body: JSON.stringify(body) }))
}

async function read(answer: Response): Promise<JsonObject> {
  const value: unknown = await answer.json()
  if (answer.ok && isJsonObject(value)) return value
  throw new CommandError(`the authority answered ${answer.status} at ${new URL(answer.url).pathname}`)
}
