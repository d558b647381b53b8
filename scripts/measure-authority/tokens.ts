import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { TestAgent } from '@countermark/testing'
import { exchange } from '../measure-stop/send.ts'
import { percentile } from './figures-page.ts'

/** How fast tokens are issued. */
export interface TokensMeasured {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly issued: number
}

const AT_ONCE = 16
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Asks for tokens (client credentials, `private_key_jwt`) from several agents at once, for so long. */
export async function measureTokens(
  port: number,
  agents: readonly TestAgent[],
  seconds: number,
): Promise<TokensMeasured> {
  const issuer = `http://127.0.0.1:${port}`
  const took: number[] = []
  const end = performance.now() + seconds * 1000
  const clients = agents.slice(0, AT_ONCE).map(async (agent) => {
    const key = createPrivateKey({ key: { ...agent.privateJwk }, format: 'jwk' })
    while (performance.now() < end) {
      const form = new URLSearchParams({
        ...{ grant_type: 'client_credentials', scope: 'orders:read', resource: 'http://shop.test' },
        ...{ client_assertion_type: JWT_BEARER, client_assertion: assertionOf(agent, key, issuer) },
      }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded', host: new URL(issuer).host }
      const answer = await exchange({ port, method: 'POST', path: '/token', headers }, form)
      if (answer.status !== 200) throw new Error(`a token was refused: ${JSON.stringify(answer.body)}`)
      took.push(answer.answeredMs - answer.sentMs)
    }
  })
  await Promise.all(clients)
  return {
    ...{ issued: took.length, perSecond: took.length / seconds },
    ...{ p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99) },
  }
}

function assertionOf({ agentId, keyId }: TestAgent, key: KeyObject, issuer: string): string {
  const now = Math.floor(Date.now() / 1000)
  const jti = randomBytes(12).toString('hex')
  const claims = { iss: agentId, sub: agentId, aud: issuer, jti, iat: now, exp: now + 60 }
  const parts = [{ alg: 'EdDSA', kid: keyId }, claims]
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}
