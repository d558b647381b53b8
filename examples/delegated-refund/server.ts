import { body, type HostConstraint, loadCapabilityBlock, notUsed, param } from '@countermark/capability'
import type { KeySource } from '@countermark/core'
import type { IssuerOptions } from '@countermark/delegation'
import { memoryReplayStore } from '@countermark/replay'
import { type CapabilityOptions, countermark } from 'countermark/express'
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
  /** Who agrees to what goes beyond them. */
  readonly approvals: NonNullable<CapabilityOptions['approvals']>
}

/** Which agent works on which ticket; a shop asks its database. */
const ASSIGNED: Readonly<Record<string, string>> = { 'T-1': 'CustomerSupportAgent-v2.3', 'T-2': 'agt_other' }

/** A shop that refunds what a user's agent, or an agent of that agent, asks for: so far as all of them may. */
export function createServer({ origin, audience, keys, issuer, blocks, approvals }: ShopOptions): Express {
  const isAssigned: HostConstraint = ({ agent, argument }) => ASSIGNED[String(argument('ticket'))] === agent.id
  const agents = countermark({
    origins: () => [origin()],
    keys,
    replay: memoryReplayStore(),
    delegation: { issuers: [issuer], audience, offline: {} },
    capabilities: {
      blocks: blocks.map((block) => loadCapabilityBlock(block)),
      ceiling: 'required', // an agent of which nobody wrote anything down may do nothing
      constraints: { assigned_tickets_only: isAssigned, own_tickets: isAssigned },
      approvals,
    },
  })

  const app = express()
  app.use(agents)
  app.use(express.json())

  const ticket = param('ticket')
  app.get('/tickets/:ticket/customer', agents.require('customer_records:read', { ticket }), (_req, res) => {
    res.json({ name: 'Kim' })
  })
  const closing = { ticket, operation: 'account_closure', amount: notUsed() }
  app.post('/tickets/:ticket/account-closure', agents.require('ticket_updates:write', closing), (req, res) => {
    res.json({ ...req.params, approval: req.agent?.capability?.approval?.ticketId })
  })
  const refund = { amount: body('/amount'), currency: body('/currency'), identifier: body('/order') }
  app.post('/refunds', agents.require('billing_api:call', refund), (req, res) => {
    const { id: by, delegation } = req.agent ?? {}
    const via = delegation?.priorActors.map(({ id }) => id)
    res.status(201).json({ refunded: req.body.amount, by, via, for: delegation?.subject })
  })
  return app
}
