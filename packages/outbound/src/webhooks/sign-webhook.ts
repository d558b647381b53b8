import { createHmac } from 'node:crypto'
import { Misconfigured } from '@countermark/core'
import { decodeBase64 } from '@countermark/core/internal'

/** One notice to a receiver. */
export interface Webhook {
  /** The same for each attempt, so that a receiver can take it once. Printable, without dots, up to 256 characters. */
  readonly id: string
  /** When this attempt is made. Unix milliseconds. */
  readonly atMs: number
  /** What is sent, exactly. */
  readonly content: string
}

/** The header fields of a signed notice (Standard Webhooks 1.0, section "Webhook headers"). */
export type WebhookHeaders = Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>>

const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/
const PREFIX = 'whsec_'
const FEWEST_BYTES = 24
const MOST_BYTES = 64

/**
 * Reads secrets as Standard Webhooks writes them: `whsec_` and base64 of 24 to 64 bytes. Several are for the time in which one
 * follows another: a notice is signed with each of them.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function webhookSecrets(name: string, given: string | readonly string[] | undefined): readonly Uint8Array[] {
  const texts = typeof given === 'string' ? [given] : given
  if (texts === undefined || texts.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', `${name} must be given: whsec_ and base64 of 24 to 64 random bytes`)
  }
  return texts.map((text) => readSecret(name, text))
}

function readSecret(name: string, text: unknown): Uint8Array {
  const bytes =
    typeof text === 'string' && text.startsWith(PREFIX) ? decodeBase64(text.slice(PREFIX.length)) : undefined
  if (bytes !== undefined && bytes.length >= FEWEST_BYTES && bytes.length <= MOST_BYTES) return bytes
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be whsec_ and base64 of 24 to 64 bytes`)
}

/**
 * Signs a notice (Standard Webhooks 1.0, symmetric form `v1`: HMAC-SHA256 over id, timestamp and content).
 * @throws TypeError for an id that a receiver could not tell from its neighbours
 */
export function signWebhook({ id, atMs, content }: Webhook, secrets: readonly Uint8Array[]): WebhookHeaders {
  if (!ID.test(id)) throw new TypeError('the id of a webhook must be printable, without dots, up to 256 characters')
  const timestamp = String(Math.floor(atMs / 1000))
  const signatures = secrets.map((secret) => `v1,${webhookMac(secret, id, timestamp, content).toString('base64')}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

/** The code over what is signed. */
export function webhookMac(secret: Uint8Array, id: string, timestamp: string, content: string): Buffer {
  return createHmac('sha256', secret).update(`${id}.${timestamp}.${content}`).digest()
}
