import { setTimeout as pause } from 'node:timers/promises'
import type { TokenSource } from '@countermark/client'
import { allOf, outcomeOf, type Scene } from './scene.ts'
import { atBoth, type Service, urlAt } from './service.ts'
import type { World } from './world.ts'

const READ = 'customers:user_17:read'
const CLOSE = ['accounts:close', 'refunds:create']

interface Agreed {
  readonly token: TokenSource
  /** How often the assistant came for a token. */
  readonly uses: () => number
}

/** user_17 agreed that the assistant may do all this; it asks for reading, and for more when it has to. */
function agree({ issuer, assistant }: World, { audience }: Service, tokenSeconds = 60): Agreed {
  const { agentId } = assistant
  const consent = { user: 'user_17', agentId, audience, scopes: [READ, ...CLOSE], tokenSeconds }
  const { refreshToken, uses } = issuer.consent(consent)
  return { token: assistant.refreshing({ refreshToken, audience, scopes: [READ] }), uses }
}

const customerAt = (service: Service): string => urlAt(service, '/customers/user_17')

/** The outcome, if the assistant came for a token as often as it should. */
function ifAsked({ uses }: Agreed, times: number, outcome: string): string {
  return uses() === times ? outcome : `${outcome}, after asking for ${uses()} tokens`
}

/** What the client of an honest agent sees to by itself. */
export const CLIENT_SCENES: readonly Scene[] = [
  atBoth('it gets a token from the issuer, once for all calls', '200', async (service, world) => {
    const agreed = agree(world, service)
    const agentFetch = world.assistant.fetchWith(agreed.token)
    const outcomes = [1, 2, 3].map(async () => outcomeOf(await agentFetch(customerAt(service))))
    return ifAsked(agreed, 1, allOf(await Promise.all(outcomes), '200'))
  }),
  atBoth('it hands on a part of what it gets', '200', async (service, world) => {
    const { assistant, courier } = world
    const agreed = agree(world, service)
    const to = { agentId: courier.agentId, key: courier.publicJwk }
    const part = assistant.handingOn({ token: agreed.token, to, scopes: [READ] })
    return ifAsked(agreed, 1, await outcomeOf(await courier.fetchWith(part)(customerAt(service))))
  }),
  atBoth('tokens of three seconds end, and nobody notices', '200', async (service, world) => {
    const agreed = agree(world, service, 3)
    const agentFetch = world.assistant.fetchWith(agreed.token)
    const until = Date.now() + 4000
    const outcomes: string[] = []
    while (Date.now() < until) {
      outcomes.push(await outcomeOf(await agentFetch(customerAt(service))))
      await pause(100)
    }
    return agreed.uses() > 1 ? allOf(outcomes, '200') : 'the first token did not end'
  }),
  atBoth('it asks for the scopes that were missing', '200', async (service, world) => {
    const agreed = agree(world, service)
    const agentFetch = world.assistant.fetchWith(agreed.token, { mayAskFor: CLOSE })
    return ifAsked(agreed, 2, await outcomeOf(await agentFetch(customerAt(service), { method: 'DELETE' })))
  }),
  atBoth('but for none that it was not told to', '403 insufficient_scope', async (service, world) => {
    const agreed = agree(world, service)
    const agentFetch = world.assistant.fetchWith(agreed.token, { mayAskFor: ['refunds:create'] })
    return ifAsked(agreed, 1, await outcomeOf(await agentFetch(customerAt(service), { method: 'DELETE' })))
  }),
]
