const NAMES = { 'sha-256': 'SHA-256', 'sha-512': 'SHA-512' } as const

/** The value of `Content-Digest` over the bytes that are sent (RFC 9530 section 2). */
export async function computeContentDigest(body: Uint8Array, algorithm: keyof typeof NAMES): Promise<string> {
  return `${algorithm}=:${await hashToBase64(NAMES[algorithm], body)}:`
}

/** A hash in base64. */
export async function hashToBase64(algorithm: 'SHA-256' | 'SHA-512', bytes: Uint8Array): Promise<string> {
  return Buffer.from(await globalThis.crypto.subtle.digest(algorithm, bytes)).toString('base64')
}
