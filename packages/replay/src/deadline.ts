/** Waits for an answer, but not for long. The work goes on; what comes of it later is left unheard. */
export function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const expire = (): void => reject(new Error(`no answer within ${deadlineMs} ms`))
    // Timers run before input is read: an answer that already lies in the socket after a busy spell of ours still counts.
    const timer = setTimeout(() => setImmediate(expire), deadlineMs)
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
