import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { auditTrail, fileSink } from '@countermark/audit'
import { type Authority, createAuthority } from '@countermark/authority'
import { createAgentFetch, generateAgentKey } from '@countermark/client'
import { staticKeys } from '@countermark/keys'

/** What services show to their authority. */
export const DOOR_TOKEN = 'shown by services to the authority'

/** An organisation: an authority, and a person who runs it. */
export interface Organisation {
  readonly origin: string
  readonly authority: Authority
  readonly listener: RequestListener
  readonly close: () => Promise<void>
  readonly call: (method: string, path: string, body?: object) => Promise<Readonly<Record<string, unknown>>>
}

/** Where it is, and for which services it issues tokens. */
export interface OrganisationPlace {
  readonly folder: string
  readonly origin: string
  readonly services: readonly string[]
}

// Both run on this machine. Elsewhere addresses are https and public, and these options are left out.
const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const

/** Opens the authority of an organisation. */
export async function openOrganisation({ folder, origin, services }: OrganisationPlace): Promise<Organisation> {
  const operator = { agentId: 'agt_operator', ...generateAgentKey() }
  const trail = auditTrail({ sinks: [fileSink({ path: `${folder}/audit.ndjson` })] })
  const authority = createAuthority({
    origins: [origin],
    storage: `file:${folder}/authority.db`,
    trail,
    encryptionKeys: { v1: randomBytes(32).toString('base64') },
    administrators: [`agent:${operator.agentId}`],
    keys: staticKeys([{ agentId: operator.agentId, key: operator.publicJwk }]),
    doorTokens: [DOOR_TOKEN],
    tokens: { issuer: origin, services: services.map((audience) => ({ audience })) },
    eventHttp: LOOPBACK,
    organisationHttp: LOOPBACK,
  })
  await authority.ready()
  const send = createAgentFetch({ agentId: operator.agentId, key: operator.privateKey, origins: [origin] })
  return {
    origin,
    authority,
    close: async () => {
      await authority.close()
      await trail.close()
    },
    listener: (req, res) => void authority.handle(req, res),
    call: async (method, path, body) => {
      const content = { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
      const response = await send(origin + path, { method, ...(body === undefined ? {} : content) })
      const text = await response.text()
      assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`)
      return JSON.parse(text)
    },
  }
}

/** A tenant with one person and one agent of theirs. @returns the code that the agent enrols with */
export async function registerAgent({ call }: Organisation, tenant: string, agent: string): Promise<string> {
  const ceiling = ['orders:read', 'orders:create']
  await call('POST', '/tenants', { id: tenant, name: tenant })
  await call('POST', `/tenants/${tenant}/people`, { id: 'jane', name: 'Jane', ceiling })
  await call('POST', '/agents', { tenant, id: agent, name: 'Buyer', purpose: 'buys paper', owners: ['jane'], ceiling })
  const { code } = await call('POST', `/agents/${agent}/enrolment-codes`, {})
  return String(code)
}
