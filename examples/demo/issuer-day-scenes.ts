import { aRefund, onceItIsNot, outcomeOfAsking, READ } from './ask.ts'
import { allOf, outcomeOf, type Scene } from './scene.ts'
import { grantTo, type Service, urlAt } from './service.ts'
import type { World } from './world.ts'

const SCOPE = 'customers:user_17:read'

/** Days of an issuer: its keys rotate, it goes down, its feed of revocations falls silent. */
export const ISSUER_DAY_SCENES: readonly Scene[] = [
  {
    backend: 'both',
    title: 'the issuer rotates its key: new tokens count, the old ones still do',
    expected: '200',
    play: async ({ issuer, assistant: agent, services }) => {
      const mint = () => Promise.all(services.map((service) => issuer.mint(grantTo(agent, service, SCOPE))))
      const old = await mint()
      const outcomes = services.map((service, index) => outcomeOfAsking({ service, agent, token: old[index] ?? '' }))
      const before = allOf(await Promise.all(outcomes), '200')
      if (before !== '200') return `before, it was ${before}`
      await issuer.rotate()
      const fresh = await mint()
      const after = services.map(async (service, index) => {
        const outcome = await onceItIsNot('401 token_invalid', () =>
          outcomeOfAsking({ service, agent, token: fresh[index] ?? '' }),
        )
        return outcome === '200' ? outcomeOfAsking({ service, agent, token: old[index] ?? '' }) : outcome
      })
      return allOf(await Promise.all(after), '200')
    },
  },
  {
    backend: 'both',
    title: 'the issuer goes down: its cached keys carry on, for new tokens too',
    expected: '200',
    play: async (world) => {
      world.issuer.fail(true)
      try {
        const outcomes: string[] = []
        // One after the other: who asked is seen by the number of requests alone.
        for (const service of world.services) outcomes.push(await whileIssuerIsDown(service, world))
        return allOf(outcomes, '200')
      } finally {
        world.issuer.fail(false)
      }
    },
  },
  {
    backend: 'express',
    title: 'a process restarts: what was revoked stays revoked',
    expected: '401 token_revoked',
    play: async ({ issuer, assistant, services: [service], shop: [shop] }) => {
      const grant = grantTo(assistant, service, SCOPE)
      const [kept, revoked] = await Promise.all([issuer.mint(grant), issuer.mint({ ...grant, jti: 'before-restart' })])
      issuer.revoke({ type: 'token', issuer: issuer.url, tokenId: 'before-restart' })
      await shop.restart()
      const url = urlAt(service, '/customers/user_17')
      const other = await outcomeOf(await assistant.fetchWith(kept)(url))
      return other === '200' ? outcomeOf(await assistant.fetchWith(revoked)(url)) : `another token was ${other}`
    },
  },
  {
    backend: 'both',
    title: 'nothing is heard of revocations: reading goes on, changing waits',
    expected: '503 revocation_unavailable',
    play: async ({ issuer, assistant: agent, services }) => {
      issuer.silence(true)
      const outcomes = services.map(async (service) => {
        const token = await issuer.mint(grantTo(agent, service, `refunds:create ${SCOPE}`))
        const change = () => outcomeOfAsking({ service, agent, token, request: aRefund(1) })
        const outcome = await onceItIsNot('201', change)
        const reading = await outcomeOfAsking({ service, agent, token, request: READ })
        return reading === '200' ? outcome : `reading was ${reading}`
      })
      return allOf(await Promise.all(outcomes).finally(() => issuer.silence(false)), '503 revocation_unavailable')
    },
  },
]

/** What a new token is worth to a service that has asked the issuer, in vain. */
async function whileIssuerIsDown(service: Service, { issuer, assistant: agent }: World): Promise<string> {
  const token = await issuer.mint(grantTo(agent, service, SCOPE))
  // A key that nobody knows sends the service to the issuer.
  const forged = withKeyId(token, `unknown-at-${service.name}`)
  const before = issuer.requests()
  const asked = await onceItIsNot('not asked', async () => {
    await outcomeOfAsking({ service, agent, token: forged })
    return issuer.requests() === before ? 'not asked' : 'asked'
  })
  return asked === 'asked' ? outcomeOfAsking({ service, agent, token }) : asked
}

/** The same token under another key id; its signature stays. */
function withKeyId(token: string, kid: string): string {
  const [header = '', ...rest] = token.split('.')
  const named = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), kid }
  return [Buffer.from(JSON.stringify(named)).toString('base64url'), ...rest].join('.')
}
