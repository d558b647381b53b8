import { type ApprovalOptions, bindDenial, type FiledRequest, type RefusedRequest } from '@countermark/capability'
import type { KeySource } from '@countermark/core'
import type { AuthorityConnection } from './authority-connection.ts'

/** How a door takes requests to people. */
export interface AuthorityApprovalsOptions {
  /** Where the authority is, without `/` at the end. */
  readonly base: string
  /** Who signs tickets. */
  readonly issuer: string
  readonly keys: KeySource
  /** Who this service is to those who approve. */
  readonly audience: string
  readonly door: string
  /** The token of the door: without one the authority believes nothing that it says. */
  readonly token: string | undefined
  readonly connection: Pick<AuthorityConnection, 'ask'>
  /** Told why a request could not be left there; the agent then takes it there itself. */
  readonly onLost: (error: unknown) => void
}

/** Longer bodies than the authority takes: agents ask with them in vain as well. */
const MAX_BODY_BYTES = 16_384

/** Who approves requests, and how a door leaves them there. */
export function authorityApprovals(options: AuthorityApprovalsOptions): Omit<ApprovalOptions, 'store'> {
  const { base, issuer, keys, audience, door, token: secret } = options
  const common = { issuer, keys, audience, url: `${base}/approvals` }
  if (secret === undefined) return common
  return {
    ...common,
    bind: (refused) => bindDenial(refused, { secret, approver: issuer, door }),
    file: (refused) => file(refused, options),
  }
}

async function file(
  refused: RefusedRequest,
  { base, door, connection, onLost }: AuthorityApprovalsOptions,
): Promise<FiledRequest | undefined> {
  const { agentId: agent, subject, audience, digest, route, amount, body } = refused
  const { method, url, contentType, contentEncoding } = refused
  if (body.length > MAX_BODY_BYTES) return undefined
  const request = { method, url, contentType, contentEncoding, body: Buffer.from(body).toString('base64') }
  const asked = { agent, subject, audience, digest, route, amount, request }
  try {
    const answer = await connection.ask('POST', `/doors/${encodeURIComponent(door)}/approvals`, asked)
    const { id, expiresAt, retryAfterSeconds } = answer
    if (typeof id !== 'string' || typeof expiresAt !== 'number' || typeof retryAfterSeconds !== 'number') {
      throw new TypeError('the authority has answered with what is no request for approval')
    }
    return { id, url: `${base}/approvals/${encodeURIComponent(id)}`, expiresAt: expiresAt / 1000, retryAfterSeconds }
  } catch (error) {
    onLost(error)
    return undefined
  }
}
