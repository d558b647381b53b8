import { timingSafeEqual } from 'node:crypto'
import { decodeBase64 } from '@countermark/core/internal'
import { webhookMac } from './sign-webhook.ts'

/** What a receiver compares with. */
export interface WebhookRules {
  /** What `webhookSecrets` read; any of them may have signed. */
  readonly secrets: readonly Uint8Array[]
  /** Now, Unix milliseconds. */
  readonly nowMs: number
  /** How far the timestamp may be away. Seconds. @default 300 */
  readonly toleranceSeconds?: number
}

const TIMESTAMP = /^\d{1,12}$/
/** A sender that changes its secret signs twice; more are a waste of ours. */
const MOST_SIGNATURES = 8

/**
 * Whether a notice is the sender's, and of now (Standard Webhooks 1.0). It may be one that came before: keep its `webhook-id`
 * for as long as the tolerance.
 */
export function verifyWebhook(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  content: string,
  { secrets, nowMs, toleranceSeconds = 300 }: WebhookRules,
): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false
  if (!TIMESTAMP.test(timestamp)) return false
  if (!(Math.abs(nowMs / 1000 - Number(timestamp)) <= toleranceSeconds)) return false
  const given = signatures.split(' ', MOST_SIGNATURES).flatMap(readSignature)
  return secrets.some((secret) => {
    const expected = webhookMac(secret, id, timestamp, content)
    return given.some((signature) => signature.length === expected.length && timingSafeEqual(signature, expected))
  })
}

function readSignature(text: string): readonly Uint8Array[] {
  const bytes = text.startsWith('v1,') ? decodeBase64(text.slice(3)) : undefined
  return bytes === undefined ? [] : [bytes]
}
