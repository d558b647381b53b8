import * as crypto from 'node:crypto'

/** A digest in base64. The one-shot function costs a third of a hash object for small inputs; old runtimes lack it. */
export function digestBase64(algorithm: 'sha256' | 'sha512', bytes: Uint8Array): string {
  if (typeof crypto.hash === 'function') return crypto.hash(algorithm, bytes, 'base64')
  return crypto.createHash(algorithm).update(bytes).digest('base64')
}
