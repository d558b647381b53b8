import { countermarkAuthority, createRevocations, verifyDelegation } from '@countermark/delegation'
import { createGuard } from '@countermark/express'
import express from 'express'
import type { DrillSet } from './drill.ts'
import { startService } from './guarded-service.ts'

/** The feed says that it is alive every second, until it does not. */
export async function createRevocationDrill(): Promise<DrillSet> {
  const revocations = createRevocations({ staleAfterSeconds: 5 })
  const issuers = [countermarkAuthority('https://issuer.example.com')]
  const token = verifyDelegation({ issuers, audience: 'https://api.example.com', requirePoP: false, revocations })
  const service = await startService('revocation-feed', (options) =>
    express()
      .use(createGuard(options)(token))
      .get('/orders', (_req, res) => void res.send('orders')),
  )
  let isSilent = false
  const feed = setInterval(() => {
    if (!isSilent) revocations.apply({ type: 'alive' })
  }, 1000)
  const beSilent = (silent: boolean) => async (): Promise<void> => {
    isSilent = silent
  }
  const how = 'the feed of revocations falls silent (`staleAfterSeconds: 5`); ended when it speaks again'
  return {
    drills: [
      {
        alert: 'CountermarkRevocationStale',
        how,
        service,
        bring: beSilent(true),
        ending: { end: beSilent(false) },
      },
    ],
    close: () => {
      clearInterval(feed)
      return service.close()
    },
  }
}
