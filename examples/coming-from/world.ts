import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgentFetch } from '@countermark/client'
import { createRevocations } from '@countermark/delegation'
import { SignJWT } from 'jose'
import { AUDIENCE, type ShopSettings } from './shop-settings.ts'

/** A request as it goes over the wire, to be sent as often as you like, and changed. */
export interface WireRequest {
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body?: string | undefined
}

/** What came back: the status, and the code where the answer has one. */
export interface WireAnswer {
  readonly status: number
  readonly code: string | undefined
  readonly body: string
}

/** Claims of a token that differ from those of a good one. */
export type Claims = Readonly<Record<string, unknown>>

/** An issuer, agents with keys, and the settings of a shop that knows them. */
export interface World {
  readonly settings: ShopSettings
  /** A token for agt_first on behalf of user_17. */
  readonly mint: (claims?: Claims) => Promise<string>
  /** The request that this agent would send. */
  readonly sign: (agentId: 'agt_first' | 'agt_other', request: WireRequest) => Promise<WireRequest>
  readonly close: () => Promise<void>
}

const ISSUER = 'https://shop.eu.auth0.com/'

/** Creates all of it, with new keys. */
export async function createWorld(): Promise<World> {
  const issuing = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwks = { keys: [{ ...issuing.publicKey.export({ format: 'jwk' }), kid: 'r1', alg: 'RS256', use: 'sig' }] }
  const agents = { agt_first: generateKeyPairSync('ed25519'), agt_other: generateKeyPairSync('ed25519') }
  const folder = mkdtempSync(join(tmpdir(), 'coming-from-'))
  const agentsFile = join(folder, 'agents.json')
  writeFileSync(agentsFile, describeAgents(agents))
  const published = await listen((_req, res) => {
    res.setHeader('Content-Type', 'application/json').end(JSON.stringify(jwks))
  })
  return {
    settings: {
      issuer: ISSUER,
      publicKey: issuing.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      jwks,
      jwksUri: `http://127.0.0.1:${published.port}/jwks`,
      agentsFile,
      revocations: createRevocations(),
    },
    mint: (claims = {}) => mint(issuing.privateKey, claims),
    sign: (agentId, request) => sign(agentId, agents[agentId].privateKey, request),
    close: async () => {
      rmSync(folder, { recursive: true })
      await published.close()
    },
  }
}

function describeAgents(agents: Readonly<Record<string, { readonly publicKey: KeyObject }>>): string {
  const described = Object.entries(agents).map(([id, { publicKey }]) => {
    const jwk = publicKey.export({ format: 'jwk' })
    return { id, keys: [{ id: 'k1', jwk }] }
  })
  return JSON.stringify({ agents: described })
}

function mint(key: KeyObject, claims: Claims): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const good = { iss: ISSUER, aud: AUDIENCE, sub: 'user_17', azp: 'agt_first', jti: 'tok_1', iat: now, exp: now + 600 }
  const scope = 'orders:read refunds:create'
  return new SignJWT({ ...good, scope, ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'r1' })
    .sign(key)
}

/** Lets the agent's own fetch sign, and keeps what it would send. */
async function sign(agentId: string, key: KeyObject, request: WireRequest): Promise<WireRequest> {
  let headers: WireRequest['headers'] = []
  const agentFetch = createAgentFetch({
    agentId,
    key,
    keyId: 'k1',
    origins: [AUDIENCE],
    fetch: async (_url, init) => {
      headers = init.headers
      return new Response()
    },
  })
  const { method, path, body } = request
  const content = body === undefined ? {} : { body }
  await agentFetch(AUDIENCE + path, { method, headers: request.headers.map(([n, v]) => [n, v]), ...content })
  return { ...request, headers }
}

/** Sends the bytes to a port of this machine, for the host that was signed. */
export function send(port: number, { method, path, headers, body }: WireRequest): Promise<WireAnswer> {
  const fields = Object.fromEntries([['Host', new URL(AUDIENCE).host], ...headers])
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port, host: '127.0.0.1', method, path, headers: fields }, async (res) => {
      const text = Buffer.concat(await res.toArray()).toString()
      resolve({ status: res.statusCode ?? 0, code: codeOf(res.headers, text), body: text })
    })
    sent.on('error', reject).end(body)
  })
}

/** The code that a program could read: in problem+json, or in a challenge of RFC 6750. */
function codeOf(headers: NodeJS.Dict<string | string[]>, text: string): string | undefined {
  if (headers['content-type']?.includes('problem+json')) return JSON.parse(text).code
  return /error="([a-z_]+)"/.exec(String(headers['www-authenticate'] ?? ''))?.[1]
}

/** Serves on a free port. */
export async function listen(handler: RequestListener): Promise<{ port: number; close: () => Promise<void> }> {
  const server: Server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port: (server.address() as AddressInfo).port, close }
}
