import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { type ApprovalRequest, approvalDigest, signApprovalTicket } from '@countermark/capability'
import { lifetime } from './issuer.ts'
import type { KeyRegistry } from './key-registry.ts'

/** Where people agree, or do not, to single requests of agents. In the demo they always do. */
export interface Approver {
  readonly id: string
  /** A ticket for exactly this request at a service. */
  readonly approve: (request: ApprovalRequest, audience: string) => string
}

/** Creates one and registers its key. */
export function createApprover(keys: KeyRegistry): Approver {
  const id = 'approvals.example.com'
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  keys.put(id, { keyId: 'approver-1', jwk: publicKey.export({ format: 'jwk' }) })
  return {
    id,
    approve: (request, audience) => {
      const { iat: issuedAt, exp: expiresAt } = lifetime(300)
      const { agentId } = request
      const digest = approvalDigest(request)
      const ticket = { issuer: id, audience, agentId, digest, ticketId: randomUUID(), issuedAt, expiresAt }
      return signApprovalTicket(ticket, { key: privateKey, keyId: 'approver-1' })
    },
  }
}
