/**
 * Waits for work that knows nothing of the signal, such as a stream that never ends or a KMS that hangs.
 * @throws the reason of the signal
 */
export async function untilAborted<Value>(
  work: Value | Promise<Value>,
  signal: AbortSignal | null | undefined,
): Promise<Value> {
  if (signal === undefined || signal === null) return work
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    const settled = (): void => signal.removeEventListener('abort', stop)
    signal.addEventListener('abort', stop, { once: true })
    Promise.resolve(work).then(resolve, reject).finally(settled)
    if (signal.aborted) stop()
  })
}

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
