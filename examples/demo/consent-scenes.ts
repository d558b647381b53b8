import { type Approver, createApprover } from './approver.ts'
import { aRefund, type Question, unlike } from './ask.ts'
import { createKeyRegistry } from './key-registry.ts'
import type { Scene } from './scene.ts'
import { atBoth, refundsWithin, type Service, urlAt } from './service.ts'
import type { World } from './world.ts'

const TEN_EUROS = { value: 1000, currency: 'EUR' }

/** The assistant with a token that asks for a human's consent above ten euros, and so many cents to give back. */
async function aboveTen(service: Service, { issuer, assistant: agent }: World, amount: number): Promise<Question> {
  const token = await issuer.mint(refundsWithin(agent, service, { require_approval_above: TEN_EUROS }))
  return { service, agent, token, request: aRefund(amount) }
}

/** A human agrees that this amount is given back, and the approver signs it. */
function agree(to: Question, amount: number, { issuer }: World, approver: Approver): string {
  const { service, agent } = to
  const request = {
    agentId: agent.agentId,
    subject: { issuer: issuer.url, id: 'user_17' },
    method: 'POST',
    url: urlAt(service, '/refunds'),
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ amount, currency: 'EUR' })),
  }
  return approver.approve(request, service.audience)
}

const withTicket = (ticket: string, amount: number): Pick<Question, 'request'> => ({
  request: aRefund(amount, { 'Approval-Ticket': ticket }),
})

/** What a human has to agree to first. */
export const CONSENT_SCENES: readonly Scene[] = [
  atBoth('above the limit, and nobody was asked', '403 approval_required', async (service, world) =>
    unlike(await aboveTen(service, world, 1000), { request: aRefund(1001) }),
  ),
  atBoth('the ticket is used again', '403 approval_required', async (service, world) => {
    const question = await aboveTen(service, world, 5000)
    const ticket = withTicket(agree(question, 5000, world, world.approver), 5000)
    return unlike({ ...question, ...ticket }, {})
  }),
  atBoth('a ticket for a smaller amount', '403 approval_required', async (service, world) => {
    const question = await aboveTen(service, world, 5000)
    const ticketFor = (amount: number): Pick<Question, 'request'> =>
      withTicket(agree(question, amount, world, world.approver), 5000)
    return unlike({ ...question, ...ticketFor(5000) }, ticketFor(2000))
  }),
  atBoth(
    'a ticket that somebody else signed in the approver’s name',
    '403 approval_required',
    async (service, world) => {
      const elsewhere = await createKeyRegistry()
      await elsewhere.close()
      const impostor = createApprover(elsewhere)
      const question = await aboveTen(service, world, 5000)
      const ticketBy = (approver: Approver): Pick<Question, 'request'> =>
        withTicket(agree(question, 5000, world, approver), 5000)
      return unlike({ ...question, ...ticketBy(world.approver) }, ticketBy(impostor))
    },
  ),
]
