import { aRefund, onceItIsNot, outcomeOfAsking, READ } from './ask.ts'
import { allOf, outcomeOf, type Scene } from './scene.ts'
import { grantTo, urlAt } from './service.ts'

const SCOPE = 'customers:user_17:read'

/** Days of an issuer: its keys rotate, it goes down, its feed of revocations falls silent. */
export const ISSUER_DAY_SCENES: readonly Scene[] = [
  {
    backend: 'both',
    title: 'the issuer rotates its key: new tokens count, the old ones still do',
    expected: '200',
    play: async ({ issuer, assistant: agent, services }) => {
      const mint = () => Promise.all(services.map((service) => issuer.mint(grantTo(agent, service, SCOPE))))
      const before = await mint()
      await issuer.rotate()
      const after = await mint()
      const outcomes = services.flatMap((service, index) =>
        [before[index], after[index]].map((token = '') => outcomeOfAsking({ service, agent, token })),
      )
      return allOf(await Promise.all(outcomes), '200')
    },
  },
  {
    backend: 'both',
    title: 'the issuer goes down: its cached keys carry on, for new tokens too',
    expected: '200',
    play: async ({ issuer, assistant: agent, services }) => {
      issuer.fail(true)
      const outcomes = services.map(async (service) => {
        const token = await issuer.mint(grantTo(agent, service, SCOPE))
        return outcomeOfAsking({ service, agent, token })
      })
      const settled = await Promise.all(outcomes)
      issuer.fail(false)
      return allOf(settled, '200')
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
      const settled = await Promise.all(outcomes)
      issuer.silence(false)
      return allOf(settled, '503 revocation_unavailable')
    },
  },
]
