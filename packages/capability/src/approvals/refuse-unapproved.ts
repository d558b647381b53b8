import { type AgentRequest, type Environment, isRefusal, Refusal } from '@countermark/core'
import { then } from '@countermark/core/internal'
import type { FindArgument } from '../arguments/read-arguments.ts'
import { findMoney } from '../constraints/amounts.ts'
import type { Grantee } from '../grants.ts'
import { approvalDigest } from './approval-digest.ts'
import type { ApprovalRules, FiledRequest, RefusedRequest } from './approval-rules.ts'

/** A request that needs a ticket, and who sends it. */
export interface Unapproved {
  readonly request: AgentRequest
  readonly caller: Grantee
  readonly rules: ApprovalRules
  readonly environment: Environment
  /** Values that the route declares. */
  readonly argument: FindArgument
  /** Marks refusals as those of one check. */
  readonly owner: object
}

/** Makes the refusal of one request, whatever is wrong with its ticket. */
export type Refuse = (why: string) => Refusal

/** Describes the request as an approver needs it. */
export function describeRefused(unapproved: Unapproved): RefusedRequest | Promise<RefusedRequest> {
  const { request, caller, rules, environment, argument } = unapproved
  const { scheme, authority, target, method, headers } = request
  const { agent, delegation } = caller
  return then(request.body('proven'), (body) => {
    const described = {
      agentId: agent.id,
      subject: delegation && { issuer: delegation.issuer, id: delegation.subject },
      ...{ method, url: `${scheme}://${authority}${target}` },
      contentType: headers.only('content-type'),
      contentEncoding: headers.only('content-encoding'),
      body,
    }
    return {
      ...described,
      ...{ audience: rules.audience, digest: approvalDigest(described), route: request.route().template },
      amount: findMoney(argument),
      expiresAt: Math.floor(environment.clock.wallMs() / 1000) + rules.offerSeconds,
    }
  })
}

/** What to approve, and where: in words of our own, and as AuthZEN's Access Request and Approval Profile has it. */
export function createRefuse({ url, bind }: ApprovalRules, refused: RefusedRequest): Refuse {
  const binding = bind?.(refused)
  const offer = {
    endpoint: url,
    expires_at: new Date(refused.expiresAt * 1000).toISOString(),
    ...(binding === undefined ? {} : { binding_token: binding }),
  }
  return (why) =>
    new Refusal('approval_required', 'a human has to approve exactly this request first', {
      members: { approval_url: url, approval_digest: refused.digest, access_request: offer },
      diagnosis: { ticket: why },
    })
}

/**
 * Does the work; what is refused for want of a ticket is left with the approver, where the route asks for that.
 * @throws Refusal `approval_pending` when it waits there; what the work throws when it could not be left
 */
export async function fileUnapproved<Result>(
  work: () => Result | Promise<Result>,
  unapproved: Unapproved,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const { file } = unapproved.rules
    if (!isRefusal(error) || error.code !== 'approval_required' || file === undefined) throw error
    const refused = await describeRefused(unapproved)
    const filed = await file(refused)
    if (filed === undefined) throw error
    throw approvalPending(error, filed, unapproved.owner)
  }
}

function approvalPending(refusal: Refusal, filed: FiledRequest, owner: object): Refusal {
  const { id, url, expiresAt, retryAfterSeconds } = filed
  const task = { id, status: 'pending', status_endpoint: url, expires_at: new Date(expiresAt * 1000).toISOString() }
  return new Refusal('approval_pending', 'a human was asked to approve exactly this request', {
    retryAfterSeconds,
    members: { ...refusal.members, task },
    hints: { owner, location: url },
    ...(refusal.diagnosis === undefined ? {} : { diagnosis: refusal.diagnosis }),
  })
}
