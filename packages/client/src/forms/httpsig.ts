import { type HeaderField, Misconfigured, requireNumber } from '@countermark/core'
import { createContentDigest, SECURITY_FIELDS, signMessage } from '@countermark/signature'
import type { SignedFetchOptions } from '../agent-fetch-options.ts'
import { readAcceptSignature } from '../challenges/accept-signature.ts'
import { type OutgoingRequest, toSignable } from '../fetch/outgoing-request.ts'
import type { SigningIdentity } from '../signing-key.ts'
import { CREDENTIAL_FIELDS, type Occasion, type SigningForm } from './signing-form.ts'

type HttpsigSettings = ReturnType<typeof readOptions>

const DEFAULT_LABEL = 'sig1'

/**
 * HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530).
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function createHttpsigForm(options: SignedFetchOptions, identity: SigningIdentity): SigningForm {
  const settings = readOptions(options, identity)
  return {
    ownFields: new Set(['agent-id', 'content-digest', 'signature', 'signature-agent', 'signature-input']),
    rereadsBlobs: true,
    sign: (request, occasion) => sign(request, occasion, settings),
    readChallenge: (sent, response) => readAcceptSignature(sent, response, settings),
    bindingOf: (challenge) => ({ requestLabel: challenge?.label ?? DEFAULT_LABEL }),
  }
}

function readOptions(
  { agentId, cover = [], signatureAgent, expiresSeconds = 60 }: SignedFetchOptions,
  { key, keyId, algorithm }: SigningIdentity,
) {
  if (signatureAgent !== undefined && !isSecureOrigin(signatureAgent)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'signatureAgent must be an origin such as https://agent.example')
  }
  const names = cover.map((name) => String(name).toLowerCase())
  if (!names.every((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'each of cover must be the name of a header field')
  }
  return {
    ...{ agentId, key, keyId, algorithm, signatureAgent, cover: names },
    tag: signatureAgent === undefined ? 'agent-auth' : 'web-bot-auth',
    expiresSeconds: requireNumber('expiresSeconds', expiresSeconds, { min: 1, max: 300 }),
  }
}

function isSecureOrigin(text: string): boolean {
  return URL.canParse(text) && text === new URL(text).origin && text.startsWith('https://')
}

async function sign(
  request: OutgoingRequest,
  { nowMs, nonce, challenge }: Occasion,
  options: HttpsigSettings,
): Promise<readonly HeaderField[]> {
  const { key, keyId, cover, expiresSeconds, tag } = options
  const label = challenge?.label ?? DEFAULT_LABEL
  const wantsDigest = challenge?.components?.includes('content-digest') ?? false
  const own = ownFields(request, options, label, wantsDigest)
  const headers = [...request.headers, ...own]
  const created = Math.floor(nowMs / 1000)
  const components = chooseComponents({
    fields: new Set(headers.map(([name]) => name)),
    hasQuery: request.url.search !== '',
    hasContent: (request.body?.length ?? 0) > 0,
    label,
    cover,
    asked: challenge?.components,
  })
  const { signatureInput, signature } = await signMessage(toSignable(request, headers), {
    key,
    keyid: keyId,
    label,
    tag,
    nonce,
    created,
    expires: created + expiresSeconds,
    components,
  })
  return [...own, ['signature-input', signatureInput], ['signature', signature]]
}

function ownFields(
  request: OutgoingRequest,
  { agentId, signatureAgent }: HttpsigSettings,
  label: string,
  wantsDigest = false,
): readonly HeaderField[] {
  const { body } = request
  const fields: HeaderField[] = [['agent-id', agentId]]
  if (signatureAgent !== undefined) fields.push(['signature-agent', `${label}="${signatureAgent}"`])
  if (body !== undefined && body.length > 0) {
    fields.push(['content-digest', `sha-256=:${Buffer.from(body.sha256).toString('base64')}:`])
  } else if (wantsDigest) {
    fields.push(['content-digest', createContentDigest(new Uint8Array())])
  }
  return fields
}

/** Fields that decide what a request does, covered whenever they are sent. Of `Signature-Agent` our own member is. */
const FIELDS_TO_COVER: readonly string[] = SECURITY_FIELDS.filter((name) => name !== 'signature-agent')

/** What a request is made of, as far as it matters to what its signature covers. */
interface CoverageInput {
  /** Lower-case names of all fields. */
  readonly fields: ReadonlySet<string>
  readonly hasQuery: boolean
  readonly hasContent: boolean
  readonly label: string
  /** Further fields to cover when they are sent. */
  readonly cover: readonly string[]
  /** What the receiver asks for, exactly. */
  readonly asked: readonly string[] | undefined
}

/**
 * What a signature covers: what was asked for, in that order, or else everything that matters. A receiver cannot have
 * less than what ties the signature to method, URL, content and credentials: what it leaves out of these is added.
 */
function chooseComponents(input: CoverageInput): readonly string[] {
  const { asked, fields, cover } = input
  if (asked === undefined) {
    const present = [...FIELDS_TO_COVER, ...cover].filter((name) => fields.has(name))
    return [...new Set([...indispensable(input), ...present])]
  }
  const covered = new Set(asked)
  if (covered.has('@target-uri')) for (const part of ['@authority', '@path', '@query']) covered.add(part)
  return [...asked, ...indispensable(input).filter((component) => !covered.has(component))]
}

function indispensable({ fields, hasQuery, hasContent, label }: CoverageInput): readonly string[] {
  return [
    '@method',
    '@authority',
    '@path',
    ...(hasQuery ? ['@query'] : []),
    ...(hasContent ? ['content-digest'] : []),
    ...CREDENTIAL_FIELDS.filter((name) => fields.has(name)),
    ...(fields.has('signature-agent') ? [`signature-agent;key="${label}"`] : []),
  ]
}
