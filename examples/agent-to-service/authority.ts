import { randomBytes } from 'node:crypto'
import { auditTrail, fileSink } from '@countermark/audit'
import { type Authority, createAuthority } from '@countermark/authority'
import type { GeneratedAgentKey } from '@countermark/client'
import { staticKeys } from '@countermark/keys'

/** Where everything is, and who runs it. */
export interface AuthorityPlace {
  readonly folder: string
  /** Where the authority listens. */
  readonly origin: string
  /** Services that its tokens may be for. */
  readonly services: readonly string[]
  /** What services show to be believed. */
  readonly doorToken: string
  readonly operator: GeneratedAgentKey & { readonly agentId: string }
}

/** The provider: it knows the agents, says what each may do at most, issues tokens, and lets people approve. */
export async function openAuthority(place: AuthorityPlace): Promise<Authority> {
  const { folder, origin, services, doorToken, operator } = place
  const authority = createAuthority({
    origins: [origin],
    storage: `file:${folder}/authority.db`,
    trail: auditTrail({ sinks: [fileSink({ path: `${folder}/audit.ndjson` })] }),
    encryptionKeys: { v1: randomBytes(32).toString('base64') },
    administrators: [`agent:${operator.agentId}`],
    keys: staticKeys([{ agentId: operator.agentId, key: operator.publicJwk }]),
    doorTokens: [doorToken],
    tokens: { issuer: origin, services: services.map((audience) => ({ audience })) },
  })
  await authority.ready()
  return authority
}
