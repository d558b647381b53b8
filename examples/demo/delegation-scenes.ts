import assert from 'node:assert/strict'
import { outcomeOf, type Scene } from './scene.ts'
import { atBoth, grantTo, urlAt } from './service.ts'

/** Who acts for whom, as it should be. */
export const DELEGATION_SCENES: readonly Scene[] = [
  atBoth('user → agent: the handler sees both', '200', async (service, { issuer, assistant }) => {
    const token = await issuer.mint(grantTo(assistant, service, 'customers:user_17:read'))
    const response = await assistant.fetchWith(token)(urlAt(service, '/customers/user_17'))
    return expectCaller(response, { agent: 'agt_assistant', level: 'signed', user: 'user_17', through: [] })
  }),
  atBoth('user → agent → sub-agent, handed on offline', '200', async (service, { issuer, assistant, courier }) => {
    const token = await issuer.mint({ ...grantTo(assistant, service, 'customers:*:read'), max_depth: 1 })
    const handedOn = await assistant.handOn(token, courier, { scopes: ['customers:user_17:read'] })
    const response = await courier.fetchWith(handedOn)(urlAt(service, '/customers/user_17'))
    return expectCaller(response, {
      ...{ agent: 'agt_courier', level: 'signed', user: 'user_17' },
      through: ['agt_assistant'],
    })
  }),
]

async function expectCaller(response: Response, expected: object): Promise<string> {
  if (!response.ok) return outcomeOf(response)
  assert.deepEqual(await response.json(), expected)
  return String(response.status)
}
