import type { Clock, HeaderField } from '@countermark/core'
import {
  type PlainRequest,
  type RequestToSign,
  type SignedRequest,
  type SigningForm,
  type Tampering,
  toPlainRequest,
} from './request-to-sign.ts'
import { buildSignatureBase, serializeParameters } from './signature-base.ts'
import type { TestKey } from './test-key.ts'

/** Who signs, with what, and when. */
interface Signer {
  readonly agentId: string
  readonly keyId: string
  readonly key: TestKey
  readonly clock: Clock
}

interface Signature {
  readonly base: Uint8Array
  readonly signature: Uint8Array
  readonly lines: readonly HeaderField[]
}

type Form = (signer: Signer, request: PlainRequest, input: RequestToSign) => Promise<Signature>

const FORMS: Readonly<Record<SigningForm, Form>> = {
  httpsig: signAsHttpsig,
  'simple-v1': signAsSimpleV1,
  'simple-v0': signAsSimpleV0,
}

/** Sensitive fields, covered whenever they are present (protocol profile, form A). */
const COVERED_WHEN_PRESENT = [
  'content-digest',
  'content-type',
  'content-encoding',
  'authorization',
  'dpop',
  'txn-token',
  'workload-identity-token',
  'agent-id',
  'idempotency-key',
  'mcp-method',
  'mcp-name',
]

/** Signs a request in one of the forms, then does to it what the test asked for. */
export async function signRequest(signer: Signer, input: RequestToSign): Promise<SignedRequest> {
  const plain = toPlainRequest(input)
  const agentId = input.agentId === undefined ? signer.agentId : input.agentId
  const host = unlessPresent(plain, 'Host', plain.authority)
  const named = agentId === null ? [] : unlessPresent(plain, 'Agent-ID', agentId)
  const request = { ...plain, headerLines: [...host, ...plain.headerLines, ...named] }
  const signed = await FORMS[input.form ?? 'httpsig'](signer, request, input)
  return toSignedRequest(request, signed, input.tamper)
}

async function signAsHttpsig(signer: Signer, request: PlainRequest, input: RequestToSign): Promise<Signature> {
  const { label = 'sig1', digest = 'sha-256', tamper = {} } = input
  const digestLines =
    request.body === undefined || digest === null
      ? []
      : unlessPresent(request, 'Content-Digest', await computeContentDigest(request.body, digest))
  const complete = { ...request, headerLines: [...request.headerLines, ...digestLines] }
  const components = input.components ?? defaultComponents(complete, label)
  const created = input.created === undefined ? nowSeconds(signer.clock) : input.created
  const parameters = serializeParameters(components, {
    created,
    expires: input.expires === undefined && created !== null ? created + 60 : input.expires,
    nonce: input.nonce === undefined ? randomNonce() : input.nonce,
    alg: input.alg,
    keyid: input.keyId === undefined ? signer.keyId : input.keyId,
    tag: input.tag === undefined ? 'agent-auth' : input.tag,
  })
  const honest = buildSignatureBase(components, parameters, complete)
  const { base, signature } = await sign(signer, Buffer.from(tamper.base?.(honest) ?? honest, 'latin1'), tamper)
  const signatureInput = `${label}=${parameters}`
  return {
    base,
    signature,
    lines: [
      ...digestLines,
      ['Signature-Input', tamper.signatureInput?.(signatureInput) ?? signatureInput],
      ['Signature', `${label}=:${Buffer.from(signature).toString('base64')}:`],
    ],
  }
}

async function signAsSimpleV1(signer: Signer, request: PlainRequest, input: RequestToSign): Promise<Signature> {
  const timestamp = String(input.created ?? nowSeconds(signer.clock))
  const nonce = input.nonce ?? randomNonce()
  const honest = await buildSimpleV1(request, { agentId: input.agentId ?? signer.agentId, timestamp, nonce })
  const { base, signature } = await sign(signer, tamperedBytes(honest, input.tamper), input.tamper)
  const optional: readonly HeaderField[] = typeof input.keyId === 'string' ? [['Key-ID', input.keyId]] : []
  const nonceLine: readonly HeaderField[] = input.nonce === null ? [] : [['Nonce', nonce]]
  return {
    base,
    signature,
    lines: [['Agent-Auth-Version', '1'], ['Timestamp', timestamp], ...nonceLine, ...optional, base64Line(signature)],
  }
}

async function signAsSimpleV0(signer: Signer, request: PlainRequest, input: RequestToSign): Promise<Signature> {
  const timestamp = String(input.created ?? nowSeconds(signer.clock))
  const honest = buildSimpleV0(request, timestamp)
  const { base, signature } = await sign(signer, tamperedBytes(honest, input.tamper), input.tamper)
  return { base, signature, lines: [['Timestamp', timestamp], base64Line(signature)] }
}

async function sign(
  signer: Signer,
  base: Uint8Array,
  tamper: Tampering = {},
): Promise<{ readonly base: Uint8Array; readonly signature: Uint8Array }> {
  const signature = await signer.key.sign(base)
  return { base, signature: tamper.signature?.(signature) ?? signature }
}

function defaultComponents(request: PlainRequest, label: string): readonly string[] {
  const names = new Set(request.headerLines.map(([name]) => name.toLowerCase()))
  return [
    '@method',
    '@authority',
    '@path',
    ...(request.target.includes('?') ? ['@query'] : []),
    ...COVERED_WHEN_PRESENT.filter((name) => names.has(name)),
    ...(names.has('signature-agent') ? [`signature-agent;key="${label}"`] : []),
  ]
}

function toSignedRequest(request: PlainRequest, signed: Signature, tamper: Tampering = {}): SignedRequest {
  const honest = [...request.headerLines, ...signed.lines]
  const sent = { ...request, headerLines: tamper.headerLines?.(honest) ?? honest, ...tamper.sent }
  return {
    ...sent,
    headers: joinLines(sent.headerLines),
    url: `${sent.scheme}://${sent.authority}${sent.target}`,
    bodyText: sent.body === undefined ? undefined : Buffer.from(sent.body).toString('utf8'),
    base: signed.base,
    signature: signed.signature,
  }
}

/** The line, unless the test wrote one of that name itself. */
function unlessPresent(request: PlainRequest, name: string, value: string): readonly HeaderField[] {
  const present = request.headerLines.some(([field]) => field.toLowerCase() === name.toLowerCase())
  return present ? [] : [[name, value]]
}

function joinLines(lines: readonly HeaderField[]): Readonly<Record<string, string>> {
  const joined: Record<string, string> = {}
  for (const [name, value] of lines) {
    joined[name] = name in joined ? `${joined[name]}, ${value}` : value
  }
  return joined
}

function tamperedBytes(honest: Uint8Array, tamper: Tampering = {}): Uint8Array {
  return tamper.base === undefined ? honest : Buffer.from(tamper.base(Buffer.from(honest).toString('utf8')), 'utf8')
}

function base64Line(signature: Uint8Array): HeaderField {
  return ['Signature', Buffer.from(signature).toString('base64')]
}

function nowSeconds(clock: Clock): number {
  return Math.floor(clock.wallMs() / 1000)
}

function randomNonce(): string {
  return Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(16))).toString('base64url')
}

/** What the simple scheme signs besides the request. */
interface SimpleMessageFields {
  readonly agentId: string
  readonly timestamp: string
  readonly nonce: string
}

const NOTHING = new Uint8Array()

/** The nine lines of `simple-v1`. */
async function buildSimpleV1(request: PlainRequest, fields: SimpleMessageFields): Promise<Uint8Array> {
  const authorization = request.headerLines.find(([name]) => name.toLowerCase() === 'authorization')?.[1]
  const lines = [
    'AGENT-AUTH-V1',
    request.method,
    request.authority,
    request.target,
    fields.agentId,
    fields.timestamp,
    fields.nonce,
    await hashToBase64('SHA-256', request.body ?? NOTHING),
    authorization === undefined ? '-' : await hashToBase64('SHA-256', new TextEncoder().encode(authorization)),
  ]
  return new TextEncoder().encode(lines.join('\n'))
}

/** `simple-v0`: the body with the timestamp right behind it. */
function buildSimpleV0(request: PlainRequest, timestamp: string): Uint8Array {
  return Buffer.concat([request.body ?? NOTHING, Buffer.from(timestamp)])
}

const NAMES = { 'sha-256': 'SHA-256', 'sha-512': 'SHA-512' } as const

/** The value of `Content-Digest` over the bytes that are sent (RFC 9530 section 2). */
async function computeContentDigest(body: Uint8Array, algorithm: keyof typeof NAMES): Promise<string> {
  return `${algorithm}=:${await hashToBase64(NAMES[algorithm], body)}:`
}

/** A hash in base64. */
async function hashToBase64(algorithm: 'SHA-256' | 'SHA-512', bytes: Uint8Array): Promise<string> {
  return Buffer.from(await globalThis.crypto.subtle.digest(algorithm, bytes)).toString('base64')
}
