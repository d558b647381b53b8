import { hash } from 'node:crypto'
import {
  type AgentKey,
  type AgentRequest,
  type CapabilityFact,
  type Environment,
  type KeySource,
  Misconfigured,
  Refusal,
  type ReplayStore,
} from '@countermark/core'
import {
  claimOnce,
  custom,
  methods,
  number,
  type OptionReader,
  optionTable,
  refusalOf,
  then,
} from '@countermark/core/internal'
import type { Grantee } from '../grants.ts'
import { approvalDigest } from './approval-digest.ts'
import { type PresentedTicket, tryParseTicket } from './approval-ticket.ts'

/** Who approves, and how tickets are verified. */
export interface ApprovalOptions {
  /** Who signs tickets: their `iss`, and the name under which `keys` knows the approver. */
  readonly issuer: string
  /** The keys of those who approve. */
  readonly keys: KeySource
  /** Who this service is to the approver: the tickets' `aud`. */
  readonly audience: string
  /** Where used tickets are remembered; the store of `preventReplay` will do. */
  readonly store: ReplayStore
  /** Where agents ask for approval. Told to them. */
  readonly url: string
  /** Longest life of a ticket. @default 86_400 */
  readonly maxLifetimeSeconds?: number
}

/** The same after validation. */
export type ApprovalRules = Readonly<Required<ApprovalOptions>>

const NAMED = custom((name, given) => {
  if (typeof given === 'string' && given !== '') return given
  throw new Misconfigured('ERR_OPTION_MISSING', `${name} must be stated, as a text`)
})

const OPTIONS = optionTable('approvals', {
  issuer: NAMED,
  keys: methods<KeySource>(['findKeys'], 'pass the source of the keys of approvers'),
  audience: NAMED,
  store: methods<ReplayStore>(['claim'], 'pass the store of preventReplay'),
  url: NAMED,
  maxLifetimeSeconds: number({ min: 1, max: 2_592_000, default: 86_400 }),
})

/** Reads who approves; `undefined`: what needs approval is refused. */
export const APPROVALS: OptionReader<ApprovalRules | undefined> = custom((_name, given) =>
  given === undefined ? undefined : OPTIONS.read(given as ApprovalOptions, 'approvals.'),
)

/** A ticket that holds, and is not claimed yet. */
export interface ValidTicket {
  readonly approval: NonNullable<CapabilityFact['approval']>
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
 * Finds the ticket of a request and checks that it is for exactly this request. Whatever is wrong with it, the answer is the
 * same: what to approve, and where.
 * @throws {@link Refusal} `approval_required`
 * @throws {@link Unavailable} `key_source_unavailable`
 */
export function verifyTicket(
  request: AgentRequest,
  grantee: Grantee,
  rules: ApprovalRules,
  environment: Environment,
): ValidTicket | Promise<ValidTicket> {
  return then(request.body('proven'), (body) => {
    const digest = digestOf(request, grantee, body)
    const refuse: Refuse = (why) => approvalRequired(rules, digest, why)
    const ticket = presentedTicket(request, refuse)
    requireFor(ticket, { digest, agentId: grantee.agent.id, rules, nowMs: environment.clock.wallMs(), refuse })
    const keys = rules.keys.findKeys({ agentId: rules.issuer, keyId: ticket.keyId }, environment)
    return then(keys, (found) => {
      const key = found.find(
        (each) => isUsable(each, environment) && environment.verifier.verify(each, ticket.signed, ticket.signature),
      )
      if (key === undefined) throw refuse('the approver has not signed it')
      const approval = { issuer: ticket.issuer, ticketId: ticket.ticketId }
      return { approval, claim: () => claimTicket(ticket, key, rules, environment, request.raw, refuse) }
    })
  })
}

type Refuse = (why: string) => Refusal

function digestOf(request: AgentRequest, { agent, delegation }: Grantee, body: Uint8Array): string {
  const { scheme, authority, target, method, headers } = request
  return approvalDigest({
    agentId: agent.id,
    subject: delegation && { issuer: delegation.issuer, id: delegation.subject },
    method,
    url: `${scheme}://${authority}${target}`,
    contentType: headers.only('content-type'),
    contentEncoding: headers.only('content-encoding'),
    body,
  })
}

function approvalRequired({ url }: ApprovalRules, digest: string, why: string): Refusal {
  return new Refusal('approval_required', 'a human has to approve exactly this request first', {
    members: { approval_url: url, approval_digest: digest },
    diagnosis: { ticket: why },
  })
}

function presentedTicket({ headers }: AgentRequest, refuse: Refuse): PresentedTicket {
  const text = headers.only(HEADER)
  if (text === undefined) throw refuse(headers.has(HEADER) ? 'there are several' : 'there is none')
  const ticket = tryParseTicket(text)
  if (ticket === undefined) throw refuse('it is malformed')
  return ticket
}

interface Expected {
  readonly digest: string
  readonly agentId: string
  readonly rules: ApprovalRules
  readonly nowMs: number
  readonly refuse: Refuse
}

function requireFor(ticket: PresentedTicket, { digest, agentId, rules, nowMs, refuse }: Expected): void {
  const { issuedAt, expiresAt } = ticket
  const now = nowMs / 1000
  if (ticket.issuer !== rules.issuer || ticket.audience !== rules.audience)
    throw refuse('it is of another approver or service')
  if (ticket.agentId !== agentId) throw refuse('it is for another agent')
  if (ticket.digest !== digest) throw refuse('it is for another request')
  if (!(issuedAt <= now + FUTURE_SKEW_SECONDS && now < expiresAt)) throw refuse('it is outside its time')
  if (!(expiresAt - issuedAt <= rules.maxLifetimeSeconds)) throw refuse('it lives too long')
}

/** A key that is limited to schemes signs requests, no tickets. */
function isUsable(key: AgentKey, { clock }: Environment): boolean {
  const now = clock.wallMs() / 1000
  const { notBefore = Number.NEGATIVE_INFINITY, notAfter = Number.POSITIVE_INFINITY } = key
  const isActive = key.state === 'active' && key.agent.state === 'active' && notBefore <= now && now <= notAfter
  return isActive && key.algorithm === 'ed25519' && key.schemes === undefined
}

function claimTicket(
  { issuer, ticketId, issuedAt, expiresAt }: PresentedTicket,
  { thumbprint }: AgentKey,
  { store }: ApprovalRules,
  environment: Environment,
  raw: object,
  refuse: Refuse,
): void | Promise<void> {
  const id = hash('sha256', JSON.stringify(['approval-ticket', issuer, ticketId]), 'buffer')
  const claim = { id, thumbprint, created: issuedAt, acceptUntil: expiresAt, nonce: undefined }
  const refusals = {
    replayed: () => refuse('it was used before'),
    unproven: () => refuse('it is older than the memory of what was used'),
  }
  return then(claimOnce(store, claim, environment, raw), (answer) => {
    const refusal = refusalOf(answer, refusals)
    if (refusal !== undefined) throw refusal
  })
}
