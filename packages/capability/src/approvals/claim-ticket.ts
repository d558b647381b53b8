import { hash } from 'node:crypto'
import type { AgentKey, AgentRequest, Environment } from '@countermark/core'
import { type ClaimAnswer, claimOnce, refusalOf, then } from '@countermark/core/internal'
import type { ApprovalRules } from './approval-rules.ts'
import type { PresentedTicket } from './approval-ticket.ts'
import type { Refuse } from './refuse-unapproved.ts'

/** A ticket that holds, and the key that signed it. */
export interface ClaimedTicket {
  readonly ticket: PresentedTicket
  readonly key: AgentKey
  readonly request: AgentRequest
  readonly rules: Pick<ApprovalRules, 'store'>
  readonly environment: Environment
  readonly refuse: Refuse
}

/**
 * Takes one of the uses of a ticket: each of them is a claim of its own, so no number of requests at once gets more.
 * @throws Refusal `approval_required`, `rate_limited`
 * @throws Unavailable `replay_store_unavailable`
 */
export function claimTicket(claimed: ClaimedTicket): void | Promise<void> {
  const { ticket, request } = claimed
  return claimFrom(claimed, firstPlace(request, ticket.uses), ticket.uses)
}

function claimFrom(claimed: ClaimedTicket, place: number, left: number): void | Promise<void> {
  const { ticket, refuse } = claimed
  return then(claimPlace(claimed, place), (answer) => {
    if (answer === 'replayed' && left > 1) return claimFrom(claimed, (place + 1) % ticket.uses, left - 1)
    const refusal = refusalOf(answer, {
      replayed: () => refuse('it was used before'),
      unproven: () => refuse('it is older than the memory of what was used'),
    })
    if (refusal !== undefined) throw refusal
    return undefined
  })
}

function claimPlace(claimed: ClaimedTicket, place: number): ClaimAnswer | Promise<ClaimAnswer> {
  const { ticket, key, rules, request, environment } = claimed
  const { issuer, ticketId, issuedAt, expiresAt } = ticket
  // The only use of a ticket is claimed by the name that it has always had.
  const name = ['approval-ticket', issuer, ticketId, ...(place === 0 ? [] : [place])]
  const id = hash('sha256', JSON.stringify(name), 'buffer')
  const { thumbprint } = key
  const claim = { id, thumbprint, created: issuedAt, acceptUntil: expiresAt, nonce: undefined }
  return claimOnce(rules.store, claim, environment, request.raw)
}

/** Where a request begins to look for a use that is left: the same for one request, and spread out over many. */
function firstPlace({ headers }: AgentRequest, uses: number): number {
  if (uses === 1) return 0
  const proofs = [...headers.lines('signature'), ...headers.lines('dpop')]
  return hash('sha256', JSON.stringify(proofs), 'buffer').readUInt32BE() % uses
}
