import { isRefusal } from '@countermark/core'
import {
  parseAcceptSignature,
  parseSignatureInput,
  type RequestedSignature,
  type SignableRequest,
} from '@countermark/signature'
import type { Challenge } from '../forms/signing-form.ts'

/** What this agent says about its signatures; a challenge cannot make it say anything else. */
interface Willingness {
  readonly tag: string
  readonly keyId: string
  readonly algorithm: string
}

const DERIVED: ReadonlySet<string> = new Set([
  '@authority',
  '@method',
  '@path',
  '@query',
  '@request-target',
  '@scheme',
  '@target-uri',
])
const MAX_NONCE = 256

/**
 * Reads `Accept-Signature` (RFC 9421 section 5.1) and picks the first signature that this agent is willing and able to
 * make: its own tag, key and algorithm, over components that the request has. A signature with another tag could be
 * worth something elsewhere, a payment for instance.
 */
export function readAcceptSignature(
  sent: SignableRequest,
  response: Response,
  willing: Willingness,
): Challenge | undefined {
  const value = response.headers.get('accept-signature')
  if (value === null) return undefined
  const asked = parse(value).find((requested) => isWithin(requested, sent, willing))
  if (asked === undefined || !asksForMore(asked, sent)) return undefined
  return { nonce: asked.nonce, label: asked.label, components: asked.components }
}

/** Without a nonce to sign, only coverage that was missing is worth another try. */
function asksForMore({ nonce, components }: RequestedSignature, sent: SignableRequest): boolean {
  const [made] = parseSignatureInput(sent.headers.lines('signature-input'))
  return nonce !== undefined || !components.every((component) => made?.list.covers(component))
}

function parse(value: string): readonly RequestedSignature[] {
  try {
    return parseAcceptSignature([value])
  } catch (error) {
    if (isRefusal(error)) return [] // what cannot be read asks for nothing
    throw error
  }
}

function isWithin(requested: RequestedSignature, sent: SignableRequest, willing: Willingness): boolean {
  const { label, components, nonce, tag, keyid, alg } = requested
  return (
    (tag === undefined || tag === willing.tag) &&
    (keyid === undefined || keyid === willing.keyId) &&
    (alg === undefined || alg === willing.algorithm) &&
    (nonce === undefined || (nonce.length > 0 && nonce.length <= MAX_NONCE)) &&
    components.every((component) => isAvailable(component, label, sent))
  )
}

function isAvailable(component: string, label: string, { headers }: SignableRequest): boolean {
  if (component === 'content-digest' || DERIVED.has(component)) return true
  if (component === `signature-agent;key="${label}"`) return headers.has('signature-agent')
  // The signature cannot cover itself.
  return headers.has(component) && component !== 'signature' && component !== 'signature-input'
}
