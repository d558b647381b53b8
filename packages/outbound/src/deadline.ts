import { OutboundError } from './outbound-error.ts'

/**
 * Runs work that ends by a deadline, whether or not it listens to its signal. The signal fires in any case when the
 * work is over, so nothing is left open behind it.
 * @throws {@link OutboundError} `deadline_exceeded`, `closed`
 */
export async function withinDeadline<Result>(
  deadlineMs: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController()
  const { promise, reject } = createRejection()
  const close = (): void => reject(new OutboundError('closed', 'the source was closed'))
  const timer = setTimeout(() => {
    reject(new OutboundError('deadline_exceeded', `no complete answer within ${deadlineMs} ms`))
  }, deadlineMs)
  outer?.addEventListener('abort', close)
  if (outer?.aborted === true) close()
  try {
    return await Promise.race([promise, work(controller.signal)])
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', close)
    controller.abort()
  }
}

function createRejection(): { readonly promise: Promise<never>; readonly reject: (error: unknown) => void } {
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<never>((_resolve, refuse) => {
    reject = refuse
  })
  return { promise, reject }
}
