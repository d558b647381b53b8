import type { HeaderField } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import { createContentDigest, type SigningKey, signMessage } from '@countermark/signature'
import { chooseComponents } from './covered-components.ts'
import { type OutgoingRequest, toSignable } from './outgoing-request.ts'
import { readAcceptSignature } from './signature-challenge.ts'
import type { Occasion, SigningForm } from './signing-form.ts'

/** Who signs by RFC 9421, and what is covered besides what always is. */
export interface HttpsigFormOptions {
  readonly agentId: string
  readonly key: SigningKey
  readonly keyId: string
  readonly algorithm: SignatureAlgorithm
  /** Origin of the agent's own key directory (Web Bot Auth). */
  readonly signatureAgent: string | undefined
  /** Lower-case names of further fields to cover when they are sent. */
  readonly cover: readonly string[]
  readonly expiresSeconds: number
}

const DEFAULT_LABEL = 'sig1'

/** HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530). */
export function createHttpsigForm(options: HttpsigFormOptions): SigningForm {
  const tag = options.signatureAgent === undefined ? 'agent-auth' : 'web-bot-auth'
  const willing = { tag, keyId: options.keyId, algorithm: options.algorithm }
  return {
    ownFields: new Set(['agent-id', 'content-digest', 'signature', 'signature-agent', 'signature-input']),
    rereadsBlobs: true,
    sign: (request, occasion) => sign(request, occasion, { ...options, tag }),
    readChallenge: (sent, response) => readAcceptSignature(sent, response, willing),
    bindingOf: (challenge) => ({ requestLabel: challenge?.label ?? DEFAULT_LABEL }),
  }
}

async function sign(
  request: OutgoingRequest,
  { nowMs, nonce, challenge }: Occasion,
  options: HttpsigFormOptions & { readonly tag: string },
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
  { agentId, signatureAgent }: HttpsigFormOptions,
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
