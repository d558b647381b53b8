import { type KeyObject, randomUUID } from 'node:crypto'
import { type ApprovalRequest, approvalDigest, signApprovalTicket } from '@countermark/capability'
import express, { type Express } from 'express'

/** A request that an agent would like to send, as it describes it here. */
export type WantedRequest = Omit<ApprovalRequest, 'body'> & { readonly body: string }

/** How the approver signs, and for whom. */
export interface ApproverOptions {
  readonly issuer: string
  readonly audience: string
  readonly key: KeyObject
  readonly keyId: string
}

/** Where people agree to single requests of agents. In real life this stands behind a login, and shows the request. */
export function createApprover({ issuer, audience, key, keyId }: ApproverOptions): Express {
  const waiting = new Map<string, WantedRequest>()
  const app = express()
  app.use(express.json())

  // An agent asks. Whoever lies here gets a ticket for another request than the one it sends.
  app.post('/requests', (req, res) => {
    const id = randomUUID()
    waiting.set(id, req.body)
    res.location(`/requests/${id}`).sendStatus(202)
  })

  // A person looks at the request and agrees: the ticket is for it, once, for an hour.
  app.post('/requests/:id/approve', (req, res) => {
    const wanted = waiting.get(req.params.id)
    if (wanted === undefined || !waiting.delete(req.params.id)) return void res.sendStatus(404)
    const issuedAt = Math.floor(Date.now() / 1000)
    const ticket = {
      issuer,
      audience,
      agentId: wanted.agentId,
      digest: approvalDigest({ ...wanted, body: Buffer.from(wanted.body) }),
      ticketId: randomUUID(),
      issuedAt,
      expiresAt: issuedAt + 3600,
    }
    res.type('text').send(signApprovalTicket(ticket, { key, keyId }))
  })
  return app
}
