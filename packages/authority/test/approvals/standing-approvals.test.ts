import { type StartedServer, startServer } from '@countermark/testing'
import type { Answered } from '../authority-world.ts'
import { describeStores } from '../stores.ts'
import {
  type ApprovalWorld,
  asked,
  createApprovalWorld,
  createRefund,
  DOOR_TOKEN,
  REFUND,
  SHOPS,
} from './approval-world.ts'

const USD = { currency: 'USD' }
const ofAmount = (amount: unknown, order = '12345'): string => JSON.stringify({ order, amount })
const passed = (answers: readonly Answered[]): number => answers.filter(({ status }) => status === 200).length

describeStores((createPlace) => {
  let known: ApprovalWorld

  beforeAll(async () => {
    known = await createApprovalWorld(await createPlace())
  }, 60_000)
  afterAll(() => known.close())

  const decide = (id: string, given: object) =>
    known.call('POST', `/approvals/${id}/approval`, { by: known.world.admin, body: given })

  /** A ticket that a person gave within these limits. */
  async function ticketFor(given: object, body = REFUND): Promise<string> {
    const { call, agent: by } = known
    const { body: left } = await call('POST', '/approvals', { by, body: asked({}, body) })
    await decide(left.id, given)
    return (await call('GET', `/approvals/${left.id}`, { by })).body.ticket
  }

  describe.each(SHOPS.filter(([name]) => name === 'Express 5' || name === 'Koa 3'))('on %s', (_name, createShop) => {
    let shop: StartedServer
    let refund: ReturnType<typeof createRefund>

    beforeAll(async () => {
      shop = await startServer(createShop()(known))
      refund = createRefund(shop)
    })
    afterAll(() => shop.close())

    it('a ticket for five uses lets five of a hundred requests at once through, and no sixth', async () => {
      const ticket = await ticketFor({ uses: 5 })
      const send = () => refund({ by: known.agent, ticket })
      const answers = await Promise.all(Array.from({ length: 100 }, send))
      expect([passed(answers), (await send()).body.code]).toEqual([5, 'approval_required'])
    })

    it('a ticket for several uses is still for this very request', async () => {
      const ticket = await ticketFor({ uses: 5 })
      expect((await refund({ by: known.agent, ticket, body: ofAmount(1) })).body.code).toBe('approval_required')
    })

    it('a standing approval lets other amounts through, until their number is reached', async () => {
      const ticket = await ticketFor({ uses: 3, amount: { value: 10_000, ...USD } })
      const bodies = [ofAmount(100, 'a'), ofAmount(250, 'b'), ofAmount(1, 'c'), ofAmount(1, 'd')]
      const statuses: number[] = []
      for (const body of bodies) statuses.push((await refund({ by: known.agent, ticket, body })).status)
      expect(statuses).toEqual([200, 200, 200, 403])
    })

    it('a standing approval ends with its amount, also under a hundred requests at once', async () => {
      const ticket = await ticketFor({ uses: 100, amount: { value: 1000, ...USD } })
      const send = (amount: number) => refund({ by: known.agent, ticket, body: ofAmount(amount) })
      const answers = await Promise.all(Array.from({ length: 100 }, () => send(300)))
      expect(passed(answers)).toBe(3)
      expect([(await send(101)).status, (await send(100)).status, (await send(1)).status]).toEqual([403, 200, 403])
    })

    it('a standing approval ends with its time', async () => {
      const ticket = await ticketFor({ seconds: 30, uses: 10, amount: { value: 1000, ...USD } })
      expect(await refund({ by: known.agent, ticket })).toMatchObject({ status: 200 })
      known.world.clock.advance(30_000)
      expect((await refund({ by: known.agent, ticket })).body.code).toBe('approval_required')
    })

    it.each([
      ['another agent', () => ({ by: known.other })],
      ['another route', () => ({ by: known.agent, path: '/filed/refunds' })],
      ['an amount that is none', () => ({ by: known.agent, body: ofAmount('1') })],
      ['an amount below nothing', () => ({ by: known.agent, body: ofAmount(-500) })],
      ['no amount', () => ({ by: known.agent, body: '{"order":"12345"}' })],
      ['more than all of it', () => ({ by: known.agent, body: ofAmount(1001) })],
    ])('a standing approval is not for %s', async (_what, sent) => {
      const ticket = await ticketFor({ uses: 2, amount: { value: 1000, ...USD } })
      expect((await refund({ ticket, ...sent() })).status).not.toBe(200)
      expect(await refund({ by: known.agent, ticket })).toMatchObject({ status: 200 })
    })

    it('an agent that asks before its door does hides nothing that the door has read', async () => {
      const { agent: by, call } = known
      const { body: refused } = await refund({ by })
      const request = asked({ bindingToken: undefined })
      const { body: bare } = await call('POST', '/approvals', { by, body: request })
      expect(bare).not.toHaveProperty('amount')
      const { audience: _, ...bound } = asked({ bindingToken: refused.access_request.binding_token }) as {
        audience: string
      }
      const { body } = await call('POST', '/approvals', { by, body: bound })
      expect(body).toMatchObject({ id: bare.id, door: 'shop', amount: { currency: 'USD' } })
      const path = `/approvals/${bare.id}/approval`
      const less = await call('POST', path, { by: known.world.admin, body: { uses: 2, amount: { value: 0, ...USD } } })
      expect(less).toMatchObject({ status: 422, body: { code: 'input_invalid' } })
      await call('POST', `/approvals/${bare.id}/rejection`, { by: known.world.admin, body: { reason: 'odd' } })
    })

    it('what a door bound is believed: for whom, which service, how much', async () => {
      const { agent: by, call } = known
      const { body: refused } = await refund({ by })
      const { audience: _, ...bare } = asked({ bindingToken: refused.access_request.binding_token }) as {
        audience: string
      }
      const { status, body } = await call('POST', '/approvals', { by, body: bare })
      const facts = { door: 'shop', audience: 'http://shop.test', amount: { value: 200, ...USD } }
      expect([status, body]).toMatchObject([202, { ...facts, digest: refused.approval_digest }])
      expect(await decide(body.id, { amount: { value: 199, ...USD } })).toMatchObject({ status: 422 })
      expect(await decide(body.id, { amount: { value: 500, currency: 'EUR' } })).toMatchObject({ status: 422 })
      expect(await decide(body.id, { amount: { value: 500, ...USD } })).toMatchObject({
        body: { most: { value: 500, ...USD }, uses: 1 },
      })
    })

    it('what a door bound is for one request of one agent, for ten minutes', async () => {
      const { agent: by, other, call, world } = known
      const { body: refused } = await refund({ by, body: ofAmount(321) })
      const bindingToken = refused.access_request.binding_token
      const ask = (signer = by, text = ofAmount(321), token = bindingToken) =>
        call('POST', '/approvals', { by: signer, body: asked({ bindingToken: token }, text) })
      const [header, claims, mac] = bindingToken.split('.')
      const forged = Buffer.from(claims, 'base64url').toString().replace('321', '3')
      const answers = [
        await ask(other),
        await ask(by, ofAmount(322)),
        await ask(by, ofAmount(321), [header, Buffer.from(forged).toString('base64url'), mac].join('.')),
        await ask(by, ofAmount(321), [header, claims, ''].join('.')),
      ]
      world.clock.advance(600_000)
      answers.push(await ask())
      expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(5).fill([422, 'input_invalid']))
    })
  })

  describe('requests that doors leave', () => {
    const leave = (more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
      known.call('POST', '/doors/shop/approvals', {
        body: { ...asked(), agent: known.agent.agentId, digest: 'x'.repeat(43), ...more },
        headers,
      })

    it('are left by doors alone', async () => {
      expect(await leave()).toMatchObject({ status: 401, body: { code: 'credentials_missing' } })
      expect(await leave({}, { authorization: 'Bearer another-token' })).toMatchObject({ status: 401 })
    })

    it('are the requests that they say, of agents that there are', async () => {
      const headers = { authorization: `Bearer ${DOOR_TOKEN}` }
      expect(await leave({}, headers)).toMatchObject({ status: 422, body: { errors: [{ pointer: '/digest' }] } })
      expect(await leave({ agent: 'agt_nobody' }, headers)).toMatchObject({ status: 404 })
    })
  })

  it('people give at most a hundred uses and a day', async () => {
    const { call, agent: by } = known
    const { body } = await call('POST', '/approvals', { by, body: asked({}, ofAmount(5)) })
    const wrong = [{ uses: 0 }, { uses: 101 }, { uses: 1.5 }, { seconds: 86_401 }, { amount: { value: -1, ...USD } }]
    const statuses: number[] = []
    for (const given of wrong) statuses.push((await decide(body.id, given)).status)
    expect(statuses).toEqual(wrong.map(() => 422))
  })
})
