import { withDeadline } from '@countermark/core/internal'
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
  const answer = Promise.race([work(controller.signal), untilClosed(outer, controller.signal)])
  const expired = (): Error => new OutboundError('deadline_exceeded', `no complete answer within ${deadlineMs} ms`)
  try {
    return await withDeadline(answer, deadlineMs, undefined, expired)
  } finally {
    controller.abort()
  }
}

/** Rejects when the source is closed; stops listening once the work is over. */
function untilClosed(outer: AbortSignal | undefined, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const close = (): void => reject(new OutboundError('closed', 'the source was closed'))
    if (outer?.aborted === true) close()
    outer?.addEventListener('abort', close, { signal: over })
  })
}
