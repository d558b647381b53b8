/**
 * Waits for an answer, but not for long. The work goes on; an answer that comes later goes to `onLate`, a late failure
 * nowhere. `expired` makes the error of a missed deadline.
 */
export function withDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
  onLate?: (answer: T) => void,
  expired: () => Error = () => new Error(`no answer within ${deadlineMs} ms`),
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let isOver = false
    const expire = (): void => {
      isOver = true
      reject(expired())
    }
    // Timers run before input is read: an answer that already lies in the socket after a busy spell of ours still counts.
    const timer = setTimeout(() => setImmediate(expire), deadlineMs)
    work.then(
      (answer) => {
        clearTimeout(timer)
        if (isOver) onLate?.(answer)
        else resolve(answer)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
