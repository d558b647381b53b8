/**
 * Reads a copy of a response's content and leaves the response unread. `undefined` when there is more than the limit.
 * Pieces come as they arrive; nothing is read beyond the first one that is too much.
 */
export async function readAtMost(response: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  const reader = response.clone().body?.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
    length += next.value.byteLength
    if (length > maxBytes) {
      // Not awaited: a copy is given up only when the original is read or given up as well.
      reader?.cancel().catch(() => undefined)
      return undefined
    }
    chunks.push(next.value)
  }
  return Buffer.concat(chunks)
}
