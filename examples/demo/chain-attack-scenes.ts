import { randomUUID } from 'node:crypto'
import { READ, unlike } from './ask.ts'
import { forgeLink } from './forge-link.ts'
import { lifetime } from './issuer.ts'
import type { Scene } from './scene.ts'
import { atBoth, grantTo, type Service } from './service.ts'
import type { World } from './world.ts'

/** user_17 lets the assistant read what user_17 has, and hand that on so many times. */
function mint({ issuer, assistant }: World, service: Service, maxDepth = 1): Promise<string> {
  return issuer.mint({ ...grantTo(assistant, service, 'customers:user_17:read'), max_depth: maxDepth })
}

/** Agents that hand on more than they have, and others that use what they were not handed. */
export const CHAIN_ATTACK_SCENES: readonly Scene[] = [
  atBoth('a child scope that is wider than its parent’s', '401 chain_invalid', async (service, world) => {
    const { assistant, courier: agent } = world
    const token = await mint(world, service)
    const wider = { scope: 'customers:*:read', jti: randomUUID() }
    return unlike(
      { service, agent, token: forgeLink(token, assistant, agent) },
      { token: forgeLink(token, assistant, agent, wider) },
    )
  }),
  atBoth('a link that lives longer than its token', '401 chain_invalid', async (service, world) => {
    const { assistant, courier: agent } = world
    const token = await mint(world, service)
    return unlike(
      { service, agent, token: forgeLink(token, assistant, agent, lifetime(50)) },
      { token: forgeLink(token, assistant, agent, lifetime(3000)) },
    )
  }),
  atBoth('a chain that is too deep', '401 chain_invalid', async (service, world) => {
    const { assistant, courier, runner: agent } = world
    const through = (token: string): string => forgeLink(forgeLink(token, assistant, courier), courier, agent)
    const twice = await mint(world, service, 2)
    return unlike({ service, agent, token: through(twice) }, { token: through(await mint(world, service)) })
  }),
  atBoth('a link that is deeper than the link before allows', '401 chain_invalid', async (service, world) => {
    const { assistant, courier, runner: agent } = world
    const token = await mint(world, service, 2)
    const through = (depth: number): string =>
      forgeLink(forgeLink(token, assistant, courier, { max_depth: depth }), courier, agent)
    return unlike({ service, agent, token: through(1) }, { token: through(0) })
  }),
  atBoth('a link moved behind another token', '401 chain_invalid', async (service, world) => {
    const { assistant, courier: agent } = world
    const handedOn = await assistant.handOn(await mint(world, service), agent, { scopes: ['customers:user_17:read'] })
    const link = handedOn.slice(handedOn.indexOf('~'))
    return unlike({ service, agent, token: handedOn }, { token: (await mint(world, service)) + link })
  }),
  atBoth('a link that somebody else signed', '401 chain_invalid', async (service, world) => {
    const { assistant, courier: agent, runner } = world
    const token = await mint(world, service)
    const forged = forgeLink(token, { ...assistant, key: runner.key }, agent)
    return unlike({ service, agent, token: forgeLink(token, assistant, agent) }, { token: forged })
  }),
  atBoth('the sub-agent drops its link to have it all', '401 token_binding_mismatch', async (service, world) => {
    const { assistant, courier: agent } = world
    const token = await mint(world, service)
    const handedOn = await assistant.handOn(token, agent, { scopes: ['customers:user_17:read'] })
    return unlike({ service, agent, token: handedOn }, { token })
  }),
  atBoth('a handed-on token in a third agent’s hands', '401 token_binding_mismatch', async (service, world) => {
    const { assistant, courier: agent, runner } = world
    const handedOn = await assistant.handOn(await mint(world, service), agent, { scopes: ['customers:user_17:read'] })
    return unlike({ service, agent, token: handedOn }, { agent: runner })
  }),
  atBoth('the sub-agent does what it was not handed', '403 insufficient_scope', async (service, world) => {
    const { issuer, assistant, courier: agent } = world
    const grant = grantTo(assistant, service, 'customers:*:read')
    const token = await issuer.mint({ ...grant, max_depth: 1 })
    const handedOn = await assistant.handOn(token, agent, { scopes: ['customers:user_17:read'] })
    return unlike({ service, agent, token: handedOn }, { request: { ...READ, target: '/customers/user_42' } })
  }),
]
