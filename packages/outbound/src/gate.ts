/** Lets so many through at a time. */
export interface Gate {
  /** Goes through if nobody has to wait. Whoever went through must {@link Gate.leave}. */
  readonly tryEnter: () => boolean
  /** Goes through when it is one's turn; `undefined` when the queue is full. */
  readonly enter: () => Promise<void> | undefined
  readonly leave: () => void
}

/** Makes a gate with a queue in front of it, first come first served. */
export function createGate(limits: { readonly concurrent: number; readonly waiting: number }): Gate {
  const queue: (() => void)[] = []
  let inside = 0
  const tryEnter = (): boolean => {
    if (inside >= limits.concurrent) return false
    inside++
    return true
  }
  return {
    tryEnter,
    enter: () => {
      if (tryEnter()) return Promise.resolve()
      if (queue.length >= limits.waiting) return undefined
      return new Promise((resolve) => queue.push(resolve))
    },
    leave: () => {
      // The place is handed on, so nobody who comes just now can take it.
      const next = queue.shift()
      if (next === undefined) inside--
      else next()
    },
  }
}
