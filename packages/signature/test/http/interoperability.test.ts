import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type AgentKey, createHeaderFields, importPublicKey } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import * as messageSig from 'http-message-sig'
import { createSigner, createVerifier, httpbis } from 'http-message-signatures'
import {
  createContentDigest,
  type SignableRequest,
  type SignableResponse,
  signMessage,
  signResponse,
  verifyMessage,
  verifyResponse,
} from '../../src/index.ts'

type Lines = readonly (readonly [string, string])[]

const ALGORITHMS = ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] as const
const BODY = Buffer.from('{"amount":4200}')
const TARGET = '/v1/refunds?dry_run=false&note=a%20b'
const LINES: Lines = [
  ['Host', 'api.example.com'],
  ['Content-Type', 'application/json'],
  ['Content-Digest', createContentDigest(BODY)],
  ['X-Many', 'one'],
  ['X-Many', 'two'],
  ['X-Dictionary', 'a=1, b=(x y);q="z"'],
]
const COMPONENTS = [
  '@method',
  '@authority',
  '@scheme',
  '@target-uri',
  '@request-target',
  '@path',
  '@query',
  '@query-param;name="dry_run"',
  'content-type',
  'content-digest',
  'x-many',
  'x-dictionary;key="b"',
]
/** It knows no `@query-param`. */
const SIG_COMPONENTS = COMPONENTS.filter((component) => !component.startsWith('@query-param'))
const ANSWER: Lines = [
  ['Content-Type', 'application/json'],
  ['Content-Digest', createContentDigest(BODY)],
]
const ANSWER_COMPONENTS = [
  '@status',
  'content-type',
  'content-digest',
  '@method;req',
  '@authority;req',
  '@path;req',
  '@query;req',
]
const CREATED = Math.floor(Date.now() / 1000)
const PARAMETERS = {
  created: CREATED,
  expires: CREATED + 60,
  nonce: 'b3k2pp5k7z-50gnwp.yemd',
  keyid: 'key-1',
  tag: 'agent-auth',
}

describe('http-message-signatures', () => {
  it.each(ALGORITHMS)('verifies what is signed here with %s', async (algorithm) => {
    const { privateKey, publicKey } = aKeyPair(algorithm)
    const signed = await signMessage(aRequest(LINES), { key: privateKey, components: COMPONENTS, ...PARAMETERS })
    const config = {
      keyLookup: async () => ({ id: 'key-1', algs: [algorithm], verify: createVerifier(publicKey, algorithm) }),
    }
    expect(await httpbis.verifyMessage(config, theirRequest([...LINES, ...fieldsOf(signed)]))).toBe(true)
  })

  it.each(ALGORITHMS)('signs with %s what is verified here', async (algorithm) => {
    const { privateKey, key } = aKeyPair(algorithm)
    const signed = await httpbis.signMessage(theirConfig(privateKey, algorithm, COMPONENTS), theirRequest(LINES))
    expect(verified(aRequest(linesOf(signed.headers)), key)).toMatchObject({ label: 'sig', parameters: PARAMETERS })
  })

  it('signs a response that is verified here', async () => {
    const { privateKey, key } = aKeyPair('ed25519')
    const config = theirConfig(privateKey, 'ed25519', ANSWER_COMPONENTS)
    const signed = await httpbis.signMessage(config, { status: 201, headers: recordOf(ANSWER) }, theirRequest(LINES))
    const response = anAnswer(linesOf(signed.headers), LINES)
    expect(verifyResponse(response, { keys: [key], nowMs: Date.now(), content: BODY }).key).toBe(key)
  })

  it('verifies a response that is signed here', async () => {
    const { privateKey, publicKey } = aKeyPair('ecdsa-p256-sha256')
    const answer = anAnswer([['Content-Type', 'application/json']], LINES)
    const added = await signResponse(answer, { key: privateKey, keyid: 'key-1', created: CREATED, content: BODY })
    const config = { keyLookup: async () => ({ verify: createVerifier(publicKey, 'ecdsa-p256-sha256') }) }
    const theirs = { status: 201, headers: recordOf([['Content-Type', 'application/json'], ...added]) }
    expect(await httpbis.verifyMessage(config, theirs, theirRequest(LINES))).toBe(true)
  })
})

describe('http-message-sig', () => {
  it.each(ALGORITHMS)('verifies what is signed here with %s', async (algorithm) => {
    const { privateKey, publicKey } = aKeyPair(algorithm)
    const signed = await signMessage(aRequest(LINES), { key: privateKey, components: SIG_COMPONENTS, ...PARAMETERS })
    const resolveVerifier = () => ({ algorithm, verify: createVerifier(publicKey, algorithm) as never })
    const policy = { algorithms: [algorithm], requiredComponents: ['@method'], requiredParameters: ['created'] }
    const message = sigRequest([...LINES, ...fieldsOf(signed)])
    const outcome = await messageSig.verifySignature(message, { policy, resolveVerifier })
    expect(outcome).toMatchObject({ label: 'sig1', parameters: PARAMETERS })
  })

  it.each(ALGORITHMS)('signs with %s what is verified here', async (algorithm) => {
    const { privateKey, key } = aKeyPair(algorithm)
    const fields = await messageSig.createSignature(
      sigRequest(LINES),
      sigOptions(privateKey, algorithm, SIG_COMPONENTS),
    )
    const request = aRequest([...LINES, ['Signature-Input', fields.signatureInput], ['Signature', fields.signature]])
    expect(verified(request, key, SIG_COMPONENTS)).toMatchObject({ label: 'sig1', parameters: PARAMETERS })
  })

  it('signs a response that is verified here', async () => {
    const { privateKey, key } = aKeyPair('ed25519')
    const message = { kind: 'response' as const, status: 201, fields: occurrences(ANSWER), request: sigRequest(LINES) }
    const fields = await messageSig.createSignature(message, sigOptions(privateKey, 'ed25519', ANSWER_COMPONENTS))
    const lines: Lines = [...ANSWER, ['Signature-Input', fields.signatureInput], ['Signature', fields.signature]]
    const response = anAnswer(lines, LINES)
    expect(verifyResponse(response, { keys: [key], nowMs: Date.now(), content: BODY }).key).toBe(key)
  })
})

function verified(
  request: SignableRequest,
  key: AgentKey,
  components: readonly string[] = COMPONENTS,
): ReturnType<typeof verifyMessage> {
  const policy = { components, expires: 'required', nonce: 'required' } as const
  return verifyMessage(request, { keys: [key], nowMs: Date.now(), policy, content: BODY })
}

function aRequest(lines: Lines): SignableRequest {
  const headers = createHeaderFields(lines.flat())
  return { method: 'POST', scheme: 'https', authority: 'api.example.com', target: TARGET, headers }
}

function anAnswer(lines: Lines, requestLines: Lines): SignableResponse {
  return { status: 201, headers: createHeaderFields(lines.flat()), request: aRequest(requestLines) }
}

function aKeyPair(algorithm: SignatureAlgorithm): { privateKey: KeyObject; publicKey: KeyObject; key: AgentKey } {
  const { privateKey, publicKey } = generate(algorithm)
  const rest = { state: 'active', notBefore: undefined, notAfter: undefined, schemes: undefined } as const
  const agent = { id: 'agt_1', state: 'active' } as const
  return {
    privateKey,
    publicKey,
    key: { ...importPublicKey(publicKey, { algorithm }), keyId: 'key-1', agent, ...rest },
  }
}

function generate(algorithm: SignatureAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === 'ed25519') return generateKeyPairSync('ed25519')
  if (algorithm === 'rsa-pss-sha512') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function fieldsOf(signed: { readonly signatureInput: string; readonly signature: string }): Lines {
  return [
    ['Signature-Input', signed.signatureInput],
    ['Signature', signed.signature],
  ]
}

/** Their message: a record, with an array where a field has several lines. */
function recordOf(lines: Lines): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {}
  for (const [name, value] of lines) {
    const known = record[name]
    record[name] = known === undefined ? value : [known, value].flat()
  }
  return record
}

function linesOf(record: Readonly<Record<string, string | string[]>>): Lines {
  return Object.entries(record).flatMap(([name, value]) => [value].flat().map((line) => [name, line] as const))
}

function theirRequest(lines: Lines): { method: string; url: string; headers: Record<string, string | string[]> } {
  return { method: 'POST', url: `https://api.example.com${TARGET}`, headers: recordOf(lines) }
}

function theirConfig(privateKey: KeyObject, algorithm: SignatureAlgorithm, fields: readonly string[]) {
  const { created, expires, ...strings } = PARAMETERS
  return {
    key: theirSigner(privateKey, algorithm),
    fields: fields.map((field) => (field.includes(';') ? `"${field.replace(';', '";')}` : field)),
    params: Object.keys(PARAMETERS),
    paramValues: { ...strings, created: new Date(created * 1000), expires: new Date(expires * 1000) },
  }
}

function occurrences(lines: Lines): { name: string; value: string }[] {
  return lines.map(([name, value]) => ({ name, value }))
}

function sigRequest(lines: Lines): messageSig.RequestDescriptor {
  const targetUri = `https://api.example.com${TARGET}`
  return { kind: 'request', method: 'POST', targetUri, requestTarget: TARGET, fields: occurrences(lines) }
}

function sigOptions(privateKey: KeyObject, algorithm: SignatureAlgorithm, components: readonly string[]) {
  return {
    label: 'sig1',
    components: components.map(toDescriptor),
    parameters: PARAMETERS,
    signer: { algorithm, sign: theirSigner(privateKey, algorithm).sign as never },
  }
}

/** `name;flag;key="value"` as their descriptor has it. */
function toDescriptor(component: string): messageSig.SignatureComponent {
  const [name = '', ...parameters] = component.split(';')
  const entries = parameters
    .map((text) => text.split('='))
    .map(([key = '', value]) => [key, value?.slice(1, -1) ?? true])
  return { name, parameters: Object.fromEntries(entries) }
}

/** Their own signer for RSA-PSS takes the longest salt; RFC 9421 section 3.3.1 wants 64 bytes. */
function theirSigner(key: KeyObject, algorithm: SignatureAlgorithm): ReturnType<typeof createSigner> {
  if (algorithm !== 'rsa-pss-sha512') return createSigner(key, algorithm, 'key-1')
  const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }
  return { id: 'key-1', alg: algorithm, sign: async (data) => sign('sha512', data, options) }
}
