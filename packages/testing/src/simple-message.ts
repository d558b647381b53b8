import { hashToBase64 } from './content-digest.ts'
import type { PlainRequest } from './plain-request.ts'

/** What the simple scheme signs besides the request. */
export interface SimpleMessageFields {
  readonly agentId: string
  readonly timestamp: string
  readonly nonce: string
}

const NOTHING = new Uint8Array()

/** The nine lines of `simple-v1`. */
export async function buildSimpleV1(request: PlainRequest, fields: SimpleMessageFields): Promise<Uint8Array> {
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
export function buildSimpleV0(request: PlainRequest, timestamp: string): Uint8Array {
  return Buffer.concat([request.body ?? NOTHING, Buffer.from(timestamp)])
}
