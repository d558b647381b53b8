import type { Clock } from '@countermark/core'
import { systemClock } from '@countermark/core/internal'
import { AUTHORITY, problemOf, type StartGuardedApp } from './guarded-app.ts'
import type { RequestToSign } from './request-to-sign.ts'
import { rawRequest, sendRaw } from './send-raw.ts'

const TIGHT = { perSecond: 1, burst: 3 }
/** Nothing comes back while a test runs. */
const clock: Clock = { wallMs: systemClock.wallMs, monotonicMs: () => 0 }
const FORGED: RequestToSign = { authority: AUTHORITY, target: '/', tamper: { signature: (bytes) => bytes.fill(7) } }

/** What one network may send that proves nothing. */
export function describeSourceLimit<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('requests that prove nothing', () => {
    it('are refused before any work once their network has sent too many', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT } })
      const codes: unknown[] = []
      for (let count = 0; count < 5; count++) codes.push(problemOf(await app.send(FORGED))['code'])
      expect(codes).toEqual([...Array(3).fill('signature_invalid'), 'rate_limited', 'rate_limited'])
      const refused = await app.send({ authority: AUTHORITY, target: '/' })
      expect([refused.status, Number(refused.header('retry-after')), app.runs.length]).toEqual([429, 1, 0])
      expect(app.observer.decisions.at(-1)).toMatchObject({ check: 'sourceLimit', outcome: 'deny', status: 429 })
    })

    it('count: copies of proven requests, and requests without credentials', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT } })
      const copy = rawRequest(await app.agent.signRequest({ authority: AUTHORITY, target: '/' }))
      const statuses: number[] = []
      for (let count = 0; count < 3; count++) statuses.push((await sendRaw(app.port, copy)).status)
      statuses.push((await app.sendPlain()).status, (await app.sendPlain()).status)
      expect(statuses).toEqual([200, 401, 401, 401, 429])
    })

    it('are the only ones that count: verified requests never use the limit up', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT } })
      for (let count = 0; count < 10; count++) await app.send({ authority: AUTHORITY, target: '/' })
      expect(app.runs).toHaveLength(10)
    })

    it('are counted by the address that trusted proxies tell of', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT, trustedProxies: ['127.0.0.1'] } })
      const from = (address: string) => app.sendPlain({ headers: [['X-Forwarded-For', address]] })
      for (let count = 0; count < 3; count++) await from(`198.51.100.${count}`)
      expect([(await from('198.51.100.9')).status, (await from('198.51.101.9')).status]).toEqual([429, 401])
    })

    it('pass as before where the guard only observes', async () => {
      const app = await start({ options: { clock, sourceLimit: TIGHT, mode: 'observe' } })
      for (let count = 0; count < 5; count++) expect((await app.send(FORGED)).status).toBe(200)
      expect(app.observer.decisions.at(-1)?.refusal?.code).toBe('rate_limited')
    })

    it('have no limit where it is off', async () => {
      const app = await start({ options: { clock, sourceLimit: 'off' } })
      const statuses = new Set<number>()
      for (let count = 0; count < 20; count++) statuses.add((await app.sendPlain()).status)
      expect([...statuses]).toEqual([401])
    })
  })
}
