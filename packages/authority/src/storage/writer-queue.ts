import type { Committing } from './store.ts'

/** Hands out one turn after another. */
export interface WriterQueue {
  /**
   * Resolves, with what ends the turn, when it is the caller's.
   * @throws Error when that takes longer than the queue allows
   */
  readonly enter: (committing: Committing) => Promise<() => void>
  /** How the one that waits for the next turn commits; `undefined` when none waits. */
  readonly next: () => Committing | undefined
}

interface Waiting {
  readonly committing: Committing
  readonly admit: (leave: () => void) => void
  readonly timer: NodeJS.Timeout
}

/** Creates a queue in which waiting ends after `deadlineMs`. */
export function createWriterQueue(deadlineMs: number): WriterQueue {
  const waiting = new Set<Waiting>()
  let isTaken = false
  const next = (): void => {
    const [first] = waiting
    if (first === undefined) {
      isTaken = false
      return
    }
    waiting.delete(first)
    clearTimeout(first.timer)
    first.admit(once(next))
  }
  return {
    next: () => {
      const [first] = waiting
      return first?.committing
    },
    enter: (committing) => {
      if (!isTaken) {
        isTaken = true
        return Promise.resolve(once(next))
      }
      return new Promise((admit, reject) => {
        const expire = (): void => {
          waiting.delete(entry)
          reject(new Error(`other writers kept the file for ${deadlineMs} ms`))
        }
        const entry: Waiting = { committing, admit, timer: setTimeout(expire, deadlineMs) }
        waiting.add(entry)
      })
    },
  }
}

function once(leave: () => void): () => void {
  let hasLeft = false
  return () => {
    if (!hasLeft) leave()
    hasLeft = true
  }
}
