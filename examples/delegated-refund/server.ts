import {
  type ApprovalOptions,
  body,
  capabilityRules,
  coversScope,
  type HostConstraint,
  loadCapabilityBlock,
  notUsed,
  param,
  requireCapability,
} from '@countermark/capability'
import type { KeySource } from '@countermark/core'
import { type IssuerOptions, verifyDelegation } from '@countermark/delegation'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express, { type Express } from 'express'

/** What the shop is told about the world around it. */
export interface ShopOptions {
  readonly origin: () => string
  readonly audience: string
  /** Keys of agents. */
  readonly keys: KeySource
  /** Who issues tokens in the name of users. */
  readonly issuer: IssuerOptions
  /** What owners wrote down of their agents: YAML. */
  readonly blocks: readonly string[]
  readonly approvals: Omit<ApprovalOptions, 'audience' | 'store'>
}

/** Which agent works on which ticket; a shop asks its database. */
const ASSIGNED: Readonly<Record<string, string>> = { 'T-1': 'CustomerSupportAgent-v2.3', 'T-2': 'agt_other' }

/** A shop that refunds what a user's agent, or an agent of that agent, asks for: so far as all of them may. */
export function createServer({ origin, audience, keys, issuer, blocks, approvals }: ShopOptions): Express {
  const store = memoryReplayStore()
  const guard = createGuard({ authorities: () => [origin()] })
  const isAssigned: HostConstraint = ({ agent, argument }) => ASSIGNED[String(argument('ticket'))] === agent.id
  const rules = capabilityRules({
    blocks: blocks.map((block) => loadCapabilityBlock(block)),
    ceiling: 'required', // an agent of which nobody wrote anything down may do nothing
    constraints: { assigned_tickets_only: isAssigned, own_tickets: isAssigned },
    approvals: { ...approvals, audience, store },
  })

  const app = express()
  app.use(
    guard(
      verifySignature({ keys }),
      preventReplay({ store }),
      verifyDelegation({ issuers: [issuer], audience, offline: { coversScope } }),
    ),
  )
  app.use(express.json())

  const ticket = param('ticket')
  app.get(
    '/tickets/:ticket/customer',
    guard(requireCapability('customer_records:read', { ticket }, rules)),
    (_req, res) => void res.json({ name: 'Kim' }),
  )
  app.post(
    '/tickets/:ticket/account-closure',
    guard(
      requireCapability('ticket_updates:write', { ticket, operation: 'account_closure', amount: notUsed() }, rules),
    ),
    (req, res) => void res.json({ closed: req.params['ticket'], approval: req.agent?.capability?.approval?.ticketId }),
  )
  const refund = { amount: body('/amount'), currency: body('/currency'), identifier: body('/order') }
  app.post('/refunds', guard(requireCapability('billing_api:call', refund, rules)), (req, res) => {
    const { id: by, delegation } = req.agent ?? {}
    const via = delegation?.priorActors.map(({ id }) => id)
    res.status(201).json({ refunded: req.body.amount, by, via, for: delegation?.subject })
  })
  return app
}
