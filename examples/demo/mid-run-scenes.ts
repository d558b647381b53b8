import { onceItIsNot, outcomeOfAsking, type Question } from './ask.ts'
import { createDelegate } from './delegate.ts'
import { lifetime } from './issuer.ts'
import type { Scene } from './scene.ts'
import { atBoth, grantTo, type Service } from './service.ts'
import type { World } from './world.ts'

const SCOPE = 'customers:user_17:read'

/** A token that the service has seen, and remembers, before `happens`; what becomes of it then. */
async function afterwards(question: Question, happens: () => void): Promise<string> {
  const first = await outcomeOfAsking(question)
  if (first !== '200') return `before, it was ${first}`
  happens()
  return onceItIsNot('200', () => outcomeOfAsking(question))
}

/** The courier with what the assistant handed on to it. */
async function handedOn({ issuer, assistant, courier }: World, service: Service, user: string): Promise<Question> {
  const token = await issuer.mint({ ...grantTo(assistant, service, SCOPE), sub: user, max_depth: 1 })
  return { service, agent: courier, token: await assistant.handOn(token, courier, { scopes: [SCOPE] }) }
}

/** Tokens end while backends run that have seen them and remember them. */
export const MID_RUN_SCENES: readonly Scene[] = [
  atBoth('a token expires in mid-run', '401 token_expired', async (service, { issuer, assistant: agent }) => {
    const { iat, exp } = lifetime(3)
    const token = await issuer.mint({ ...grantTo(agent, service, SCOPE), iat, exp })
    const outcome = await afterwards({ service, agent, token }, () => undefined)
    return Date.now() >= exp * 1000 ? outcome : `${outcome}, too early`
  }),
  atBoth('a duration among the scopes ends the token', '401 token_expired', async (service, { issuer, assistant }) => {
    const iat = Math.floor(Date.now() / 1000)
    const token = await issuer.mint({ ...grantTo(assistant, service, `${SCOPE} reports:read:3s`), iat })
    const outcome = await afterwards({ service, agent: assistant, token }, () => undefined)
    return Date.now() >= (iat + 3) * 1000 ? outcome : `${outcome}, too early`
  }),
  atBoth('a handed-on part ends before its token', '401 token_expired', async (service, world) => {
    const { issuer, assistant, courier: agent } = world
    const token = await issuer.mint({ ...grantTo(assistant, service, SCOPE), max_depth: 1 })
    const part = await assistant.handOn(token, agent, { scopes: [SCOPE], lifetimeSeconds: 3 })
    const outcome = await afterwards({ service, agent, token: part }, () => undefined)
    const whole = await outcomeOfAsking({ service, agent: assistant, token })
    return whole === '200' ? outcome : `the whole token was ${whole}`
  }),
  atBoth('a token is revoked in mid-run', '401 token_revoked', async (service, { issuer, assistant: agent }) => {
    const tokenId = `revoked-at-${service.name}`
    const token = await issuer.mint({ ...grantTo(agent, service, SCOPE), jti: tokenId })
    return afterwards({ service, agent, token }, () => issuer.revoke({ type: 'token', issuer: issuer.url, tokenId }))
  }),
  atBoth('a user takes everything back, sub-agents included', '401 token_revoked', async (service, world) => {
    const { issuer } = world
    const user = `user_leaving_${service.name}`
    const question = await handedOn(world, service, user)
    return afterwards(question, () => issuer.revoke({ type: 'user', issuer: issuer.url, subject: user }))
  }),
  atBoth('an agent is revoked, and with it what it handed on', '401 token_revoked', async (service, world) => {
    const { issuer, keys, courier } = world
    const leaving = await createDelegate(`agt_leaving_${service.name}`, {
      keys,
      issuer,
      origins: [service.backend.origin],
    })
    const token = await issuer.mint({ ...grantTo(leaving, service, SCOPE), max_depth: 1 })
    const part = await leaving.handOn(token, courier, { scopes: [SCOPE] })
    const question = { service, agent: courier, token: part }
    return afterwards(question, () => issuer.revoke({ type: 'agent', agentId: leaving.agentId }))
  }),
  atBoth('an agent takes back what it handed on, and no more', '401 token_revoked', async (service, world) => {
    const { issuer, assistant, courier, runner } = world
    const token = await issuer.mint({ ...grantTo(assistant, service, SCOPE), max_depth: 1 })
    const [part, other] = await Promise.all(
      [courier, runner].map((to) => assistant.handOn(token, to, { scopes: [SCOPE] })),
    )
    const link = { type: 'token', issuer: assistant.agentId, tokenId: idOfLink(part) } as const
    const outcome = await afterwards({ service, agent: courier, token: part ?? '' }, () => issuer.revoke(link))
    const second = await outcomeOfAsking({ service, agent: runner, token: other ?? '' })
    return second === '200' ? outcome : `the other agent's part was ${second}`
  }),
]

/** `jti` of the last link. */
function idOfLink(token = ''): string {
  const [, claims = ''] = token.slice(token.lastIndexOf('~')).split('.')
  return JSON.parse(Buffer.from(claims, 'base64url').toString()).jti
}
