import type { HeaderField } from '@countermark/core'
import { rawRequest, sendRaw } from '@countermark/testing'
import { outcomeOfAsking, unlike } from './ask.ts'
import { createIssuer } from './issuer.ts'
import { attack, outcomeOf, rawOutcome, type Scene } from './scene.ts'
import { atBoth, grantTo, urlAt } from './service.ts'

const SCOPE = 'customers:user_17:read'
const TARGET = '/customers/user_17'

/** Tokens in wrong hands, at the wrong place, from the wrong issuer. */
export const TOKEN_ATTACK_SCENES: readonly Scene[] = [
  atBoth('the wrong user: a token of user_17 for user_42', '403 insufficient_scope', async (service, world) => {
    const { issuer, assistant: agent } = world
    const token = await issuer.mint(grantTo(agent, service, SCOPE))
    return unlike({ service, agent, token }, { request: { target: '/customers/user_42' } })
  }),
  atBoth('the user in a token is replaced', '401 token_invalid', async (service, { issuer, assistant: agent }) => {
    const token = await issuer.mint(grantTo(agent, service, SCOPE))
    return unlike({ service, agent, token }, { token: withClaims(token, { sub: 'user_42' }) })
  }),
  atBoth('a stolen token, signed for with another key', '401 token_binding_mismatch', async (service, world) => {
    const { issuer, assistant: agent, mallory } = world
    const token = await issuer.mint(grantTo(agent, service, SCOPE))
    return unlike({ service, agent, token }, { agent: mallory })
  }),
  atBoth('a stolen token, without any key', '401 token_binding_mismatch', async (service, { issuer, assistant }) => {
    const grant = grantTo(assistant, service, 'catalogue:read')
    const unbound = await readCatalogue(urlAt(service, '/catalogue'), await issuer.mint({ ...grant, cnf: undefined }))
    if (unbound !== '200') return `a bearer's token was ${unbound}`
    return readCatalogue(urlAt(service, '/catalogue'), await issuer.mint(grant))
  }),
  atBoth('an agent uses the token of another agent', '401 actor_mismatch', async (service, world) => {
    const { issuer, assistant: agent, courier } = world
    const token = await issuer.mint({ ...grantTo(agent, service, SCOPE), cnf: undefined })
    return unlike({ service, agent, token }, { agent: courier })
  }),
  atBoth('a token added after the request was signed', '401 coverage_insufficient', async (service, world) => {
    const { issuer, assistant: agent } = world
    const token = await issuer.mint({ ...grantTo(agent, service, SCOPE), cnf: undefined })
    const { backend, prefix } = service
    const line = ['Authorization', `Bearer ${token}`] as const
    const added = { headerLines: (lines: readonly HeaderField[]) => [...lines, line] }
    const fair = await outcomeOfAsking({ service, agent, token })
    return fair === '200'
      ? attack(backend, agent, { target: prefix + TARGET, tamper: added })
      : `signed, it was ${fair}`
  }),
  atBoth('a token for the other service', '401 token_audience', async (service, { issuer, assistant, services }) => {
    const other = services.find(({ name }) => name !== service.name) ?? service
    const token = await issuer.mint(grantTo(assistant, other, SCOPE))
    const fair = { service: other, agent: assistant, token }
    return unlike(fair, { service })
  }),
  atBoth('a token of an issuer that nobody here trusts', '401 token_invalid', async (service, world) => {
    const { issuer, mallory: agent } = world
    const claims = grantTo(agent, service, SCOPE)
    const other = await createIssuer()
    try {
      const forged = await other.mint(claims)
      const outcome = await unlike({ service, agent, token: await issuer.mint(claims) }, { token: forged })
      return other.requests() === 0 ? outcome : 'the backend went and asked that issuer'
    } finally {
      await other.close()
    }
  }),
  atBoth(
    'a trusted issuer’s name over another key',
    '401 token_invalid',
    async (service, { issuer, mallory: agent }) => {
      const claims = grantTo(agent, service, SCOPE)
      const other = await createIssuer()
      await other.close()
      const forged = await other.mint({ ...claims, iss: issuer.url })
      return unlike({ service, agent, token: await issuer.mint(claims) }, { token: forged })
    },
  ),
  atBoth('the right token from the wrong network', '403 constraint_violation', async (service, world) => {
    const { issuer, assistant: agent } = world
    const claims = { sub: agent.agentId, name: 'Assistant', scopes: [SCOPE] }
    const token = await issuer.mintPlain({ ...claims, restrictip: '127.0.0.1' })
    return unlike({ service, agent, token }, { token: await issuer.mintPlain({ ...claims, restrictip: '192.0.2.1' }) })
  }),
  atBoth('a signature alone where a token is asked for', '401 credentials_missing', async (service, world) => {
    const { backend, prefix } = service
    const signed = await world.assistant.signRequest({ url: backend.origin, target: prefix + TARGET })
    const answer = await sendRaw(backend.port, rawRequest(signed))
    // It is not the signature that is missing.
    const isTokenAskedFor = answer.header('www-authenticate')?.startsWith('Bearer') === true
    return isTokenAskedFor ? rawOutcome(answer) : 'no token was asked for'
  }),
]

async function readCatalogue(url: string, token: string): Promise<string> {
  return outcomeOf(await fetch(url, { headers: { Authorization: `Bearer ${token}` } }))
}

/** The same token with other claims; its signature stays. */
function withClaims(token: string, claims: object): string {
  const [header, payload = '', signature] = token.split('.')
  const before = JSON.parse(Buffer.from(payload, 'base64url').toString())
  return [header, Buffer.from(JSON.stringify({ ...before, ...claims })).toString('base64url'), signature].join('.')
}
