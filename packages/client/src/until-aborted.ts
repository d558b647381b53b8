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
