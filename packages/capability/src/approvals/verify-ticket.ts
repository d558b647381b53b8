import type { AgentKey, AgentRequest, CapabilityFact, Environment, Refusal } from '@countermark/core'
import { then } from '@countermark/core/internal'
import type { BudgetClaim } from '../budgets/budget-store.ts'
import { operationDigest } from './approval-digest.ts'
import type { RefusedRequest } from './approval-rules.ts'
import { type PresentedTicket, tryParseTicket } from './approval-ticket.ts'
import { claimTicket } from './claim-ticket.ts'
import { createRefuse, describeRefused, type Refuse, type Unapproved } from './refuse-unapproved.ts'

/** A ticket that holds, and is not claimed yet. */
export interface ValidTicket {
  readonly approval: NonNullable<CapabilityFact['approval']>
  /** What this request takes from the amount of a standing approval; `undefined` for a ticket that is for one request. */
  readonly allowance: BudgetClaim | undefined
  /** What is said when nothing of it is left. */
  readonly refuse: (why: string) => Refusal
  /**
   * Claims it, once.
   * @throws {@link Refusal} `approval_required`, `rate_limited`
   * @throws {@link Unavailable} `replay_store_unavailable`
   */
  readonly claim: () => void | Promise<void>
}

const HEADER = 'approval-ticket'
const FUTURE_SKEW_SECONDS = 30

/**
 * Finds the ticket of a request and checks that it is for this request. Whatever is wrong with it, the answer is the same:
 * what to approve, and where.
 * @throws {@link Refusal} `approval_required`
 * @throws {@link Unavailable} `key_source_unavailable`
 */
export function verifyTicket(unapproved: Unapproved): ValidTicket | Promise<ValidTicket> {
  const { request, rules, environment } = unapproved
  return then(describeRefused(unapproved), (refused) => {
    const refuse = createRefuse(rules, refused)
    const ticket = presentedTicket(request, refuse)
    requireFor(ticket, refused, unapproved, refuse)
    const allowance = allowanceOf(ticket, refused, refuse)
    const keys = rules.keys.findKeys({ agentId: rules.issuer, keyId: ticket.keyId }, environment)
    return then(keys, (found) => {
      const key = found.find(
        (each) => isUsable(each, environment) && environment.verifier.verify(each, ticket.signed, ticket.signature),
      )
      if (key === undefined) throw refuse('the approver has not signed it')
      const approval = { issuer: ticket.issuer, ticketId: ticket.ticketId }
      const claim = (): void | Promise<void> => claimTicket({ ticket, key, request, rules, environment, refuse })
      return { approval, allowance, refuse, claim }
    })
  })
}

function presentedTicket({ headers }: AgentRequest, refuse: Refuse): PresentedTicket {
  const text = headers.only(HEADER)
  if (text === undefined) throw refuse(headers.has(HEADER) ? 'there are several' : 'there is none')
  const ticket = tryParseTicket(text)
  if (ticket === undefined) throw refuse('it is malformed')
  return ticket
}

function requireFor(
  ticket: PresentedTicket,
  refused: RefusedRequest,
  { rules, environment }: Unapproved,
  refuse: Refuse,
): void {
  const { issuedAt, expiresAt } = ticket
  const now = environment.clock.wallMs() / 1000
  if (ticket.issuer !== rules.issuer || ticket.audience !== rules.audience)
    throw refuse('it is of another approver or service')
  if (ticket.agentId !== refused.agentId) throw refuse('it is for another agent')
  const digest = ticket.amount === undefined ? refused.digest : operationDigest(refused)
  if (ticket.digest !== digest) throw refuse('it is for another request')
  if (!(issuedAt <= now + FUTURE_SKEW_SECONDS && now < expiresAt)) throw refuse('it is outside its time')
  if (!(expiresAt - issuedAt <= rules.maxLifetimeSeconds)) throw refuse('it lives too long')
}

/** All that a standing approval lets through, in all of its time. */
function allowanceOf(
  { amount, issuer, ticketId, issuedAt, expiresAt }: PresentedTicket,
  refused: RefusedRequest,
  refuse: Refuse,
): BudgetClaim | undefined {
  if (amount === undefined) return undefined
  const { value: cost, currency: unit } = refused.amount ?? {}
  if (cost === undefined || unit === undefined) throw refuse('the request has no amount that it could be counted by')
  if (unit !== amount.currency || !(cost <= amount.value)) throw refuse('it is for less, or for another currency')
  const windowSeconds = Math.max(1, expiresAt - issuedAt)
  const key = `approval:${JSON.stringify([issuer, ticketId])}`
  return { key, windowSeconds, limit: amount.value, cost, unit, agentId: refused.agentId }
}

/** A key that is limited to schemes signs requests, no tickets. */
function isUsable(key: AgentKey, { clock }: Environment): boolean {
  const now = clock.wallMs() / 1000
  const { notBefore = Number.NEGATIVE_INFINITY, notAfter = Number.POSITIVE_INFINITY } = key
  const isActive = key.state === 'active' && key.agent.state === 'active' && notBefore <= now && now <= notAfter
  return isActive && key.algorithm === 'ed25519' && key.schemes === undefined
}
