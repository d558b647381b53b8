import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { AUTHORITY, type BenchIdentity, type BenchKey, privateKeyOf, tokenClaims } from './identity.ts'
import { type JwtAlgorithm, signJwt } from './jwt.ts'

/** What a request carries. */
export type RequestKind =
  | 'plain'
  | 'httpsig'
  | 'httpsig-es256'
  | 'httpsig-body'
  | 'body'
  | 'simple-v1'
  | 'web-bot-auth'
  | 'refused'
  | 'full'
  | 'full-body'
  | 'bearer'
  | 'cold'
  | 'dpop'
  | 'dpop-es256'

/** Kinds whose requests may be sent any number of times. */
export const REPEATABLE: ReadonlySet<RequestKind> = new Set(['plain', 'body', 'bearer', 'refused'])

const BODY = JSON.stringify({ order: 'ord_12345', amount: 4200, currency: 'EUR', note: 'x'.repeat(340) })
const TARGET = ['@method', '@authority', '@path']

/** Raw HTTP/1.1 requests, each good for one use unless its kind is repeatable, as wrk sends them. */
export function createRequests(kind: RequestKind, count: number, identity: BenchIdentity): readonly string[] {
  const create = CREATORS[kind]
  const keys = {
    agent: privateKeyOf(identity.agentKey),
    agentEc: privateKeyOf(identity.agentEcKey),
    issuer: privateKeyOf(identity.issuerKey),
  }
  const created = Math.floor(Date.now() / 1000)
  return Array.from({ length: count }, () => create({ identity, keys, created }))
}

interface Input {
  readonly identity: BenchIdentity
  readonly keys: Readonly<Record<'agent' | 'agentEc' | 'issuer', KeyObject>>
  readonly created: number
}

const CREATORS: Readonly<Record<RequestKind, (input: Input) => string>> = {
  plain: () => get([]),
  body: () => post(['Content-Type: application/json']),
  bearer: ({ identity }) => get([`Authorization: Bearer ${identity.tokens.bearer}`]),
  cold: ({ keys }) => get([`Authorization: Bearer ${coldToken(keys.issuer)}`]),
  refused: ({ identity, created }) =>
    get([
      `Signature-Input: sig1=("@method" "@authority" "@path");created=${created - 4000};expires=${created - 3710};keyid="${identity.agentKey.thumbprint}";nonce="${nonce()}";tag="agent-auth"`,
      `Signature: sig1=:${randomBytes(64).toString('base64')}:`,
    ]),
  httpsig: (input) => get(signed(input, { method: 'GET', tag: 'agent-auth', components: TARGET })),
  'httpsig-es256': (input) =>
    get(signed(input, { method: 'GET', tag: 'agent-auth', components: TARGET, algorithm: 'ecdsa-p256-sha256' })),
  'web-bot-auth': (input) => get(signed(input, { method: 'GET', tag: 'web-bot-auth', components: ['@authority'] })),
  'httpsig-body': (input) => postSigned(input, {}),
  full: (input) => {
    const fields = { authorization: `Bearer ${input.identity.tokens.delegation}` }
    const components = [...TARGET, 'authorization']
    return get([...written(fields), ...signed(input, { method: 'GET', tag: 'agent-auth', components, fields })])
  },
  'full-body': (input) => postSigned(input, { authorization: `Bearer ${input.identity.tokens.delegation}` }),
  dpop: ({ identity, keys, created }) => {
    const proof = dpopProof({ alg: 'EdDSA', key: keys.agent, ...identity.agentKey }, identity.tokens.dpop, created)
    return get([`Authorization: DPoP ${identity.tokens.dpop}`, `DPoP: ${proof}`])
  },
  'dpop-es256': ({ identity, keys, created }) => {
    const { dpopEs256 } = identity.tokens
    const proof = dpopProof({ alg: 'ES256', key: keys.agentEc, ...identity.agentEcKey }, dpopEs256, created)
    return get([`Authorization: DPoP ${dpopEs256}`, `DPoP: ${proof}`])
  },
  'simple-v1': ({ identity, keys, created }) => {
    const value = nonce()
    const empty = createHash('sha256').update('').digest('base64')
    const base = ['AGENT-AUTH-V1', 'GET', AUTHORITY, '/', identity.agentId, created, value, empty, '-'].join('\n')
    return get([
      `Agent-ID: ${identity.agentId}`,
      'Agent-Auth-Version: 1',
      `Timestamp: ${created}`,
      `Nonce: ${value}`,
      `Signature: ${sign(null, Buffer.from(base), keys.agent).toString('base64')}`,
    ])
  },
}

function coldToken(key: KeyObject): string {
  return signJwt({ alg: 'EdDSA', typ: 'at+jwt', kid: 'ed-1' }, tokenClaims(randomBytes(12).toString('hex')), key)
}

interface Prover extends BenchKey {
  readonly alg: JwtAlgorithm
  readonly key: KeyObject
}

function dpopProof({ alg, key, publicJwk }: Prover, token: string, created: number): string {
  const ath = createHash('sha256').update(token).digest('base64url')
  const claims = { jti: nonce(), htm: 'GET', htu: `http://${AUTHORITY}/`, iat: created, ath }
  return signJwt({ alg, typ: 'dpop+jwt', jwk: publicJwk }, claims, key)
}

type Fields = Readonly<Record<string, string>>

function postSigned(input: Input, more: Fields): string {
  const digest = `sha-256=:${createHash('sha256').update(BODY).digest('base64')}:`
  const fields = { 'content-type': 'application/json', 'content-digest': digest, ...more }
  const components = [...TARGET, ...Object.keys(fields)]
  const lines = signed(input, { method: 'POST', tag: 'agent-auth', components, fields })
  return post([...written(fields), ...lines])
}

function post(fields: readonly string[]): string {
  const head = ['POST / HTTP/1.1', `Host: ${AUTHORITY}`, `Content-Length: ${Buffer.byteLength(BODY)}`]
  return [...head, ...fields, '', BODY].join('\r\n')
}

function written(fields: Fields): readonly string[] {
  return Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
}

interface Coverage {
  readonly method: string
  readonly tag: string
  readonly components: readonly string[]
  readonly fields?: Fields
  readonly algorithm?: 'ed25519' | 'ecdsa-p256-sha256'
}

function signed(
  { identity, keys, created }: Input,
  { method, tag, components, fields = {}, algorithm = 'ed25519' }: Coverage,
): readonly string[] {
  const list = components.map((name) => `"${name}"`).join(' ')
  const isEd25519 = algorithm === 'ed25519'
  const { thumbprint } = isEd25519 ? identity.agentKey : identity.agentEcKey
  // web-bot-auth refuses a `created` of the current second on clocks that differ, and nonces that are not 64 bytes.
  const parameters = `(${list});created=${created - 1};expires=${created + 290};nonce="${nonce(tag)}";keyid="${thumbprint}";alg="${algorithm}";tag="${tag}"`
  const known: Fields = { '@method': method, '@authority': AUTHORITY, '@path': '/', ...fields }
  const lines = components.map((name) => `"${name}": ${known[name]}`)
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n')
  const signature = isEd25519
    ? sign(null, Buffer.from(base), keys.agent)
    : sign('sha256', Buffer.from(base), { key: keys.agentEc, dsaEncoding: 'ieee-p1363' })
  return [`Signature-Input: sig1=${parameters}`, `Signature: sig1=:${signature.toString('base64')}:`]
}

function nonce(tag = ''): string {
  return randomBytes(tag === 'web-bot-auth' ? 64 : 18).toString('base64')
}

function get(fields: readonly string[]): string {
  return ['GET / HTTP/1.1', `Host: ${AUTHORITY}`, 'Accept: */*', 'User-Agent: bench', ...fields, '', ''].join('\r\n')
}
