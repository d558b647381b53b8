import { digestBase64 } from './sha-digest.ts'

/** What the nine lines of `simple-v1` say. */
export interface SimpleV1Message {
  /** As sent; methods are case-sensitive. */
  readonly method: string
  /** Lower-case, without a default port. */
  readonly authority: string
  /** The request-target in origin-form, byte for byte as sent. */
  readonly target: string
  readonly agentId: string
  /** Ten digits. */
  readonly timestamp: string
  readonly nonce: string
  /** Empty when there is none. */
  readonly body: Uint8Array
  /** The value of `Agent-Delegation` when that field is sent, else of `Authorization`. */
  readonly token: string | undefined
}

/** The bytes that `simple-v1` signs: nine lines without a newline at the end. */
export function buildSimpleV1(message: SimpleV1Message): Buffer {
  const { method, authority, target, agentId, timestamp, nonce, body, token } = message
  const bodyHash = digestBase64('sha256', body)
  // Node reads header bytes as latin1: this gives back the bytes that were on the wire.
  const tokenHash = token === undefined ? '-' : digestBase64('sha256', Buffer.from(token, 'latin1'))
  const lines = `AGENT-AUTH-V1\n${method}\n${authority}\n${target}\n${agentId}\n${timestamp}\n${nonce}\n${bodyHash}\n${tokenHash}`
  return Buffer.from(lines, 'utf8')
}

/** The bytes that `simple-v0` signs: the body with ten digits behind it. */
export function buildSimpleV0(body: Uint8Array, timestamp: string): Buffer {
  const message = Buffer.allocUnsafe(body.length + timestamp.length)
  message.set(body)
  message.write(timestamp, body.length, 'latin1')
  return message
}
