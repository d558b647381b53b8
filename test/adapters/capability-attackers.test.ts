import { generateKeyPairSync } from 'node:crypto'
import { memoryBudgets, requireCapability } from '@countermark/capability'
import { beginRehearsal } from '@countermark/core/internal'
import { type AdapterUnderTest, createFakeClock, type RawResponse } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { outcomeOf, problemOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { aRefund, behindCapability, createApprover, grant, limits } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const USD_100 = { value: 10_000, currency: 'USD' }
const REFUSED = '403 constraint_violation'
const WITHIN = { amount: 10_000, currency: 'USD' }

describeAttacker('Express', expressAdapter(express))
describeAttacker('Koa', koaAdapter(Koa))

function describeAttacker<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`an attacker of ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    describe('with a limit on amounts (H1, H2)', () => {
      const startLimited = () =>
        start({ build: behindCapability({ delegation: limits({ max_refund_amount: USD_100 }) }) })

      it('may take what it was given', async () => {
        expect(outcomeOf(await (await startLimited()).send(aRefund(WITHIN)))).toBe('200')
      })

      it.each([
        ['leaving the amount out', '{"currency":"USD"}'],
        ['leaving the currency out', '{"amount":100}'],
        ['sending nothing', ''],
        ['one cent more', '{"amount":10001,"currency":"USD"}'],
        ['infinity', '{"amount":1e400,"currency":"USD"}'],
        ['less than nothing', '{"amount":-1,"currency":"USD"}'],
        ['digits in quotes', '{"amount":"100","currency":"USD"}'],
        ['half a cent', '{"amount":100.5,"currency":"USD"}'],
        ['null', '{"amount":null,"currency":"USD"}'],
        ['a list', '{"amount":[1],"currency":"USD"}'],
        ['an object', '{"amount":{"valueOf":1},"currency":"USD"}'],
        ['a number past exactness', '{"amount":9007199254740993,"currency":"USD"}'],
        ['two amounts', '{"amount":1,"amount":1000000,"currency":"USD"}'],
        ['two amounts, one in disguise', '{"amount":1,"\\u0061mount":1000000,"currency":"USD"}'],
        ['a prototype', '{"__proto__":{"amount":1},"currency":"USD"}'],
        ['another currency', '{"amount":100,"currency":"EUR"}'],
      ])('cannot get past it by %s', async (_how, sent) => {
        const app = await startLimited()
        const response = await app.send(aRefund(sent))
        expect([outcomeOf(response), response.status, app.runs.length]).toEqual([REFUSED, 403, 0])
      })

      it.each([
        'application/x-www-form-urlencoded',
        'text/plain',
        'application/json; charset=utf-16',
        'multipart/form-data; boundary=x',
      ])('cannot show the judge one body and the handler another: %s', async (type) => {
        const app = await startLimited()
        const sent = '{"amount":1,"currency":"USD","x":"&amount=1000000&currency=USD"}'
        expect(outcomeOf(await app.send(aRefund(sent, { 'Content-Type': type })))).toBe(REFUSED)
      })

      it('cannot change the amount after it was signed', async () => {
        const app = await startLimited()
        const sent = { body: Buffer.from('{"amount":10001,"currency":"USD"}') }
        expect(outcomeOf(await app.send({ ...aRefund(WITHIN), tamper: { sent } }))).toBe('400 digest_mismatch')
      })
    })

    describe('with an unknown constraint (H3)', () => {
      it.each([[{ max_widgets: 1 }], [{ toString: 1 }], [{ __proto: 1 }], ['none'], [[]], [null]])(
        'cannot get past it: %j',
        async (constraints) => {
          const app = await start({ build: behindCapability({ delegation: limits(constraints) }) })
          const response = await app.send(aRefund(WITHIN))
          expect([outcomeOf(response), response.status, app.runs.length]).toEqual(['403 constraint_unknown', 403, 0])
        },
      )

      it('is told which one only if its own token has it', async () => {
        const app = await start({ build: behindCapability({ delegation: limits({ max_widgets: 1 }) }) })
        expect(problemOf(await app.send(aRefund(WITHIN)))).toMatchObject({ constraint: 'max_widgets' })
      })
    })

    describe('with scopes (H4)', () => {
      const startZones = (scopes: readonly string[]) => {
        const route = { wanted: 'dns:{zone}:write', path: '/zones/:zone', sources: {}, delegation: { scopes } }
        return start({ build: behindCapability(route) })
      }

      it.each([
        ['zone_1', ['dns:zone_1:write']],
        ['zone_1', ['dns:*:write']],
        ['zone%5F1', ['dns:zone_1:write']],
      ])('may write %s with %j', async (zone, scopes) => {
        const app = await startZones(scopes)
        expect(outcomeOf(await app.send({ method: 'POST', target: `/zones/${zone}`, body: '' }))).toBe('200')
      })

      it.each([
        ['zone_2', ['dns:zone_1:write']],
        ['zone_1', ['dns:zone_1:read', 'dns:zone_1', 'dns:*', '*', '*:*', 'dns:*:*:*', 'email:*:write']],
        ['*', ['dns:zone_1:write']],
        ['%2A', ['dns:zone_1:write', 'dns:*:write']],
        ['zone_1:write', ['dns:zone_1:write']],
        ['zone_1%3Awrite', ['dns:zone_1:write', 'dns:*:write']],
        ['ZONE_1', ['dns:zone_1:write']],
        ['zone_1%20', ['dns:zone_1:write', 'dns:*:write']],
        ['zone_1%00', ['dns:zone_1:write', 'dns:*:write']],
      ])('cannot write %s with %j', async (zone, scopes) => {
        const app = await startZones(scopes)
        const response = await app.send({ method: 'POST', target: `/zones/${zone}`, body: '' })
        expect([outcomeOf(response), app.runs.length]).toEqual(['403 insufficient_scope', 0])
      })

      it('is told what is missing, as a step up', async () => {
        const app = await startZones(['dns:zone_1:read'])
        const response = await app.send({ method: 'POST', target: '/zones/zone_1', body: '' })
        expect(response.header('www-authenticate')).toBe(
          'Bearer realm="api.example.com", error="insufficient_scope", scope="dns:zone_1:write"',
        )
      })

      it('finds a guard closed that stands where there is no route yet', async () => {
        const app = await start({
          build: ({ app: building, guard, checks, handler }) => {
            const zones = requireCapability('dns:{zone}:write')
            building.use(guard(checks.verify, checks.once, grant({ scopes: ['*:*:*'] }), zones), handler)
          },
        })
        const response = await app.send({ method: 'POST', target: '/zones/zone_1', body: '' })
        expect([outcomeOf(response), app.runs.length]).toEqual(['500 config_error', 0])
      })
    })

    describe('with a restriction on addresses (D1, D2, D3)', () => {
      const odd = [
        'not-an-ip',
        '192.0.2.1:4444',
        '[2001:db8::1]',
        '"><script>',
        '0300.0.2.1',
        '3221225985',
        '192.0.2.1%eth0',
        '192.0.2',
        '127.0.0.1, ',
      ]
      const startAt = (restriction: string, trustedProxies: readonly string[] = []) =>
        start({
          options: { trustedProxies },
          build: behindCapability({ delegation: { scopes: ['refunds:create', restriction] } }),
        })
      const from = async (app: Awaited<ReturnType<typeof startAt>>, forwarded?: string): Promise<string> =>
        outcomeOf(await app.send(aRefund(WITHIN, forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded })))

      it('is where its socket is, whatever it says of itself', async () => {
        expect(await from(await startAt('restrict:ip:127.0.0.1'), '192.0.2.1')).toBe('200')
        expect(await from(await startAt('restrict:ip:192.0.2.1'), '192.0.2.1')).toBe(REFUSED)
        expect(await from(await startAt('restrict:ip:192.0.2.1'))).toBe(REFUSED)
      })

      it('is where a trusted proxy saw it', async () => {
        const app = await startAt('restrict:ip:192.0.2.0/24', ['127.0.0.1'])
        expect(await from(app, '192.0.2.77')).toBe('200')
        expect(await from(app, '192.0.2.77, 203.0.113.9')).toBe(REFUSED)
        expect(await from(app, '::ffff:192.0.2.77')).toBe('200')
        expect(await from(app, '64:ff9b::192.0.2.77')).toBe(REFUSED)
        expect(await from(app, '::192.0.2.77')).toBe(REFUSED)
      })

      it.each(odd)('is nowhere with the address %j', async (forwarded) => {
        expect(await from(await startAt('restrict:ip:0.0.0.0/0', ['127.0.0.1']), forwarded)).toBe(REFUSED)
      })

      it.each(['restrict:ip:example.com', 'restrict:ip:', 'restrict:country:DE', 'RESTRICT:ip:127.0.0.1', 'restrict'])(
        'cannot use a token restricted in an unknown way: %s',
        async (restriction) => {
          expect(await from(await startAt(restriction))).toBe('403 constraint_unknown')
        },
      )

      it('gets nothing by a restriction: it grants nothing', async () => {
        const app = await start({ build: behindCapability({ delegation: { scopes: ['restrict:ip:127.0.0.1'] } }) })
        expect(await from(app)).toBe('403 insufficient_scope')
      })
    })

    describe('with an approval (H6)', () => {
      const approver = createApprover()
      const startApproved = (constraints: unknown = { require_approval_for: ['refunds:create'] }) =>
        start({
          options: { errorDetail: 'full' },
          build: behindCapability({ delegation: limits(constraints), rules: { approvals: approver.rules } }),
        })
      type App = Awaited<ReturnType<typeof startApproved>>
      const withTicket = (app: App, ticket: string, content: unknown = WITHIN): Promise<RawResponse> =>
        app.send(aRefund(content, { 'Approval-Ticket': ticket }))

      it('is told what to have approved, and where, and nothing else', async () => {
        const refused = await (await startApproved()).send(aRefund(WITHIN))
        expect(problemOf(refused)).toMatchObject({
          status: 403,
          code: 'approval_required',
          approval_url: 'https://approve.example.com/requests',
          approval_digest: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
          detail: 'a human has to approve exactly this request first',
        })
      })

      it('may do what was approved, once', async () => {
        const app = await startApproved()
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)))
        expect(outcomeOf(await withTicket(app, ticket))).toBe('200')
        expect(outcomeOf(await withTicket(app, ticket))).toBe('403 approval_required')
        expect(app.runs).toHaveLength(1)
      })

      it('keeps its ticket where a command only asks', async () => {
        const end = beginRehearsal()
        const asked = await startApproved().finally(end)
        const ticket = approver.ticketFor(await asked.send(aRefund(WITHIN)))
        const outcomes = [await withTicket(asked, ticket), await withTicket(await startApproved(), ticket)].map(
          outcomeOf,
        )
        expect(outcomes).toEqual(['200', '200'])
      })

      it('may lay out the same JSON in another way', async () => {
        const app = await startApproved()
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)))
        expect(outcomeOf(await withTicket(app, ticket, '{ "currency": "USD", "amount": 1e4 }'))).toBe('200')
      })

      it('cannot use one ticket twice at once', async () => {
        const app = await startApproved()
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)))
        const all = await Promise.all(Array.from({ length: 10 }, () => withTicket(app, ticket)))
        expect(all.map(outcomeOf).filter((outcome) => outcome === '200')).toHaveLength(1)
      })

      it.each([
        ['another amount', { amount: 10_001, currency: 'USD' }],
        ['another currency', { amount: 10_000, currency: 'EUR' }],
        ['one member more', { ...WITHIN, to: 'me' }],
        ['nothing', ''],
      ])('cannot have %s done instead', async (_what, content) => {
        const app = await startApproved()
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)))
        expect([outcomeOf(await withTicket(app, ticket, content)), app.runs.length]).toEqual([
          '403 approval_required',
          0,
        ])
      })

      it('cannot have it done elsewhere', async () => {
        const app = await startApproved()
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)))
        const elsewhere = { ...aRefund(WITHIN, { 'Approval-Ticket': ticket }), target: '/refunds?to=me' }
        expect(outcomeOf(await app.send(elsewhere))).toBe('403 approval_required')
      })

      it.each([
        ['for another agent', { agentId: 'agt_other' }],
        ['for another service', { audience: 'https://other.example' }],
        ['of another approver', { issuer: 'https://evil.example' }],
        ['that has ended', { issuedAt: 1_700_000_000, expiresAt: 1_700_000_300 }],
        ['that has not begun', { issuedAt: 4_000_000_000, expiresAt: 4_000_000_300 }],
        ['that never ends', { expiresAt: 4_000_000_000 }],
        ['for another request', { digest: 'x'.repeat(43) }],
      ])('cannot use a ticket %s', async (_which, more) => {
        const app = await startApproved()
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)), more)
        expect(outcomeOf(await withTicket(app, ticket))).toBe('403 approval_required')
      })

      it('cannot sign a ticket itself', async () => {
        const app = await startApproved()
        const { privateKey } = generateKeyPairSync('ed25519')
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)), {}, privateKey)
        expect(outcomeOf(await withTicket(app, ticket))).toBe('403 approval_required')
      })

      it('cannot use up the ticket of another agent by breaking it', async () => {
        const app = await startApproved()
        const ticket = approver.ticketFor(await app.send(aRefund(WITHIN)))
        const forged = `${ticket.slice(0, -4)}AAAA`
        expect(outcomeOf(await withTicket(app, forged))).toBe('403 approval_required')
        expect(outcomeOf(await withTicket(app, ticket))).toBe('200')
      })

      it.each(['', 'x', 'a.b', 'a.b.c', 'e30.e30.e30', 'x'.repeat(5000)])(
        'cannot make our fault of %j',
        async (ticket) => {
          expect(outcomeOf(await withTicket(await startApproved(), ticket))).toBe('403 approval_required')
        },
      )

      it('needs one above an amount, and none below', async () => {
        const app = await startApproved({ require_approval_above: { value: 5000, currency: 'USD' } })
        expect(outcomeOf(await app.send(aRefund({ amount: 5000, currency: 'USD' })))).toBe('200')
        const refused = await app.send(aRefund(WITHIN))
        expect(outcomeOf(refused)).toBe('403 approval_required')
        expect(outcomeOf(await withTicket(app, approver.ticketFor(refused)))).toBe('200')
      })

      it('pays no budget for what is not approved', async () => {
        const rules = { approvals: approver.rules, budgets: memoryBudgets() }
        const constraints = { require_approval_for: '*', max_requests_per_hour: 1 }
        const app = await start({ build: behindCapability({ delegation: limits(constraints), rules }) })
        const refused = await app.send(aRefund(WITHIN))
        expect(outcomeOf(await withTicket(app, approver.ticketFor(refused)))).toBe('200')
        expect(outcomeOf(await withTicket(app, approver.ticketFor(refused)))).toBe('429 rate_limited')
      })

      it('cannot use a key that is limited to signing requests, or is revoked', async () => {
        for (const more of [{ schemes: ['httpsig'] }, { state: 'revoked' }, { notAfter: 1_700_000_000 }] as const) {
          const other = createApprover(more)
          const route = { delegation: limits({ require_approval_for: '*' }), rules: { approvals: other.rules } }
          const app = await start({ build: behindCapability(route) })
          const ticket = other.ticketFor(await app.send(aRefund(WITHIN)))
          expect(outcomeOf(await withTicket(app, ticket))).toBe('403 approval_required')
        }
      })
    })

    describe('outside of operating hours (H7)', () => {
      const hours = { tz: 'Europe/Berlin', days: [1, 2, 3, 4, 5], from: '22:00', to: '06:00' }

      it.each([
        ['2026-01-05T20:59:59Z', REFUSED],
        ['2026-01-05T21:00:00Z', '200'],
        ['2026-01-06T04:59:59Z', '200'],
        ['2026-01-06T05:00:00Z', REFUSED],
        // Summer: an hour earlier. Saturday morning belongs to Friday, Sunday morning to no day.
        ['2026-07-06T20:00:00Z', '200'],
        ['2026-07-11T03:59:59Z', '200'],
        ['2026-07-12T03:00:00Z', REFUSED],
      ])('finds the door at %s: %s', async (time, outcome) => {
        const clock = createFakeClock(Date.parse(time))
        const route = { delegation: { ...limits({ operating_hours: hours }), issuedAt: clock.seconds() } }
        const app = await start({ options: { clock }, build: behindCapability(route) })
        expect(outcomeOf(await app.send({ ...aRefund(WITHIN), created: clock.seconds() }))).toBe(outcome)
      })
    })
  })
}
