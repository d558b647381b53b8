import assert from 'node:assert/strict'
import { outcomeOf, type Scene } from './scene.ts'
import { atBoth, grantTo, urlAt } from './service.ts'

const SCOPE = 'customers:user_17:read'
const READING = { scopes: [SCOPE] }

/** Who acts for whom, as it should be. */
export const DELEGATION_SCENES: readonly Scene[] = [
  atBoth('user → agent: the handler sees both', '200', async (service, { issuer, assistant }) => {
    const token = await issuer.mint(grantTo(assistant, service, SCOPE))
    const response = await assistant.fetchWith(token)(urlAt(service, '/customers/user_17'))
    return expectCaller(response, { agent: 'agt_assistant', level: 'signed', user: 'user_17', through: [] })
  }),
  atBoth('user → agent → sub-agent, handed on offline', '200', async (service, { issuer, assistant, courier }) => {
    const token = await issuer.mint({ ...grantTo(assistant, service, 'customers:*:read'), max_depth: 1 })
    const part = await assistant.handOn(token, courier, READING)
    const response = await courier.fetchWith(part)(urlAt(service, '/customers/user_17'))
    const through = ['agt_assistant']
    return expectCaller(response, { agent: 'agt_courier', level: 'signed', user: 'user_17', through })
  }),
  atBoth('and on to a third agent', '200', async (service, { issuer, assistant, courier, runner }) => {
    const token = await issuer.mint({ ...grantTo(assistant, service, 'customers:*:read'), max_depth: 2 })
    const part = await assistant.handOn(token, courier, { ...READING, maxDepth: 1 })
    const lastPart = await courier.handOn(part, runner, READING)
    const response = await runner.fetchWith(lastPart)(urlAt(service, '/customers/user_17'))
    const through = ['agt_courier', 'agt_assistant']
    return expectCaller(response, { agent: 'agt_runner', level: 'signed', user: 'user_17', through })
  }),
  atBoth('user → agent → agent, exchanged at the issuer', '200', async (service, { issuer, assistant, courier }) => {
    const grant = grantTo(assistant, service, 'customers:*:read')
    const subjectToken = await issuer.mint({ ...grant, may_act: { sub: 'agt_courier' } })
    const token = courier.exchanging({ subjectToken, scopes: [SCOPE] })
    const response = await courier.fetchWith(token)(urlAt(service, '/customers/user_17'))
    const through = ['agt_assistant']
    return expectCaller(response, { agent: 'agt_courier', level: 'signed', user: 'user_17', through })
  }),
  atBoth('an agent for itself, with its own plain token', '200', async (service, { issuer, assistant }) => {
    const token = await issuer.mintPlain({ sub: 'agt_assistant', name: 'Assistant', scopes: [SCOPE] })
    const response = await assistant.fetchWith(token)(urlAt(service, '/customers/user_17'))
    return expectCaller(response, { agent: 'agt_assistant', level: 'signed', user: 'agt_assistant', through: [] })
  }),
  atBoth('a bearer may read where nothing more is asked', '200', async (service, { issuer, assistant }) => {
    const token = await issuer.mint({ ...grantTo(assistant, service, 'catalogue:read'), cnf: undefined })
    const response = await fetch(urlAt(service, '/catalogue'), { headers: { Authorization: `Bearer ${token}` } })
    return expectCaller(response, { agent: 'agt_assistant', level: 'bearer', user: 'user_17', through: [] })
  }),
  atBoth('and may not write there', '401 scheme_not_allowed', async (service, { issuer, assistant }) => {
    const token = await issuer.mint({ ...grantTo(assistant, service, 'reviews:write'), cnf: undefined })
    const headers = { Authorization: `Bearer ${token}` }
    return outcomeOf(await fetch(urlAt(service, '/reviews'), { method: 'POST', headers }))
  }),
  atBoth('a key shown by DPoP, with the service’s nonce', '201', async (service, { issuer, assistant }) => {
    const part = { audience: service.audience, scopes: ['reviews:write'] }
    const { refreshToken } = issuer.consent({ user: 'user_17', agentId: assistant.agentId, ...part })
    const token = assistant.refreshing({ refreshToken, ...part, dpop: true })
    const post = assistant.fetchWith(token, { form: 'dpop', dpop: true })
    const response = await post(urlAt(service, '/reviews'), { method: 'POST' })
    return expectCaller(response, { agent: 'agt_assistant', level: 'bound', user: 'user_17', through: [] })
  }),
]

async function expectCaller(response: Response, expected: object): Promise<string> {
  if (!response.ok) return outcomeOf(response)
  assert.deepEqual(await response.json(), expected)
  return String(response.status)
}
