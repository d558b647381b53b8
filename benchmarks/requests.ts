import { createHash, createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto'

/** Keys and names that servers and load share; written to a file for the servers. */
export interface BenchIdentity {
  readonly agentId: string
  readonly keyId: string
  readonly privateJwk: Readonly<Record<string, string>>
  readonly publicJwk: Readonly<Record<string, string>>
  readonly rsaPrivatePem: string
  readonly rsaPublicPem: string
  readonly token: string
  /** One signed message for the unit: what a server does that only calls `crypto.verify`. */
  readonly unit: { readonly base: string; readonly signature: string }
}

/** Who the servers are; the load names it in `Host`. */
export const AUTHORITY = 'api.example.com'

/** What a request carries. */
export type RequestKind = 'plain' | 'httpsig' | 'httpsig-body' | 'simple-v1' | 'web-bot-auth' | 'bearer' | 'refused'

const BODY = JSON.stringify({ order: 'ord_12345', amount: 4200, currency: 'EUR', note: 'x'.repeat(340) })

/** Raw HTTP/1.1 requests, each good for one use, as wrk sends them. */
export function createRequests(kind: RequestKind, count: number, identity: BenchIdentity): readonly string[] {
  const create = CREATORS[kind]
  const key = createPrivateKey({ key: identity.privateJwk, format: 'jwk' })
  const created = Math.floor(Date.now() / 1000)
  return Array.from({ length: count }, () => create({ identity, authority: AUTHORITY, key, created }))
}

interface Input {
  readonly identity: BenchIdentity
  readonly authority: string
  readonly key: KeyObject
  readonly created: number
}

const CREATORS: Readonly<Record<RequestKind, (input: Input) => string>> = {
  plain: ({ authority }) => get(authority, []),
  bearer: ({ authority, identity }) => get(authority, [`Authorization: Bearer ${identity.token}`]),
  refused: ({ authority, identity, created }) =>
    get(authority, [
      `Signature-Input: sig1=("@method" "@authority" "@path");created=${created - 4000};expires=${created - 3710};keyid="${identity.keyId}";nonce="${nonce()}";tag="agent-auth"`,
      `Signature: sig1=:${randomBytes(64).toString('base64')}:`,
    ]),
  httpsig: (input) =>
    get(input.authority, signed(input, ['@method', '@authority', '@path'], { method: 'GET', tag: 'agent-auth' })),
  'web-bot-auth': (input) =>
    get(input.authority, signed(input, ['@authority'], { method: 'GET', tag: 'web-bot-auth' })),
  'httpsig-body': (input) => {
    const digest = `sha-256=:${createHash('sha256').update(BODY).digest('base64')}:`
    const components = ['@method', '@authority', '@path', 'content-type', 'content-digest']
    const fields = { 'content-type': 'application/json', 'content-digest': digest }
    const lines = signed(input, components, { method: 'POST', tag: 'agent-auth', fields })
    return post(input.authority, ['Content-Type: application/json', `Content-Digest: ${digest}`, ...lines])
  },
  'simple-v1': ({ authority, identity, key, created }) => {
    const value = nonce()
    const empty = createHash('sha256').update('').digest('base64')
    const base = ['AGENT-AUTH-V1', 'GET', authority, '/', identity.agentId, created, value, empty, '-'].join('\n')
    return get(authority, [
      `Agent-ID: ${identity.agentId}`,
      'Agent-Auth-Version: 1',
      `Timestamp: ${created}`,
      `Nonce: ${value}`,
      `Signature: ${sign(null, Buffer.from(base), key).toString('base64')}`,
    ])
  },
}

interface Coverage {
  readonly method: string
  readonly tag: string
  readonly fields?: Readonly<Record<string, string>>
}

function signed(
  input: Input,
  components: readonly string[],
  { method, tag, fields = {} }: Coverage,
): readonly string[] {
  const { identity, authority, key, created } = input
  const list = components.map((name) => `"${name}"`).join(' ')
  // web-bot-auth refuses a `created` of the current second on clocks that differ, and nonces that are not 64 bytes.
  const parameters = `(${list});created=${created - 1};expires=${created + 290};nonce="${nonce(tag)}";keyid="${identity.keyId}";alg="ed25519";tag="${tag}"`
  const known: Readonly<Record<string, string>> = {
    '@method': method,
    '@authority': authority,
    '@path': '/',
    ...fields,
  }
  const lines = components.map((name) => `"${name}": ${known[name]}`)
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n')
  return [
    `Signature-Input: sig1=${parameters}`,
    `Signature: sig1=:${sign(null, Buffer.from(base), key).toString('base64')}:`,
  ]
}

function nonce(tag = ''): string {
  return randomBytes(tag === 'web-bot-auth' ? 64 : 18).toString('base64')
}

function get(authority: string, fields: readonly string[]): string {
  return ['GET / HTTP/1.1', `Host: ${authority}`, 'Accept: */*', 'User-Agent: bench', ...fields, '', ''].join('\r\n')
}

function post(authority: string, fields: readonly string[]): string {
  const head = ['POST / HTTP/1.1', `Host: ${authority}`, `Content-Length: ${Buffer.byteLength(BODY)}`, ...fields]
  return [...head, '', BODY].join('\r\n')
}
