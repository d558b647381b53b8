/** One body that is held back. */
export interface HeldBack {
  /** How much of it is here. */
  bytes: number
  /** Called when others need its room. */
  readonly giveUp: () => void
}

/** Bounds what all bodies that one guard factory holds back take together. */
export interface HeldBodies {
  readonly add: (body: HeldBack) => void
  readonly grow: (body: HeldBack, bytes: number) => void
  readonly remove: (body: HeldBack) => void
}

/**
 * Makes room by giving up the body that is held longest: an honest one is here in a moment, one that never ends would
 * otherwise take the room of all others for as long as its connection lives.
 */
export function createHeldBodies(maxBytes: number): HeldBodies {
  const bodies = new Set<HeldBack>()
  let total = 0
  const remove = (body: HeldBack): void => {
    if (bodies.delete(body)) total -= body.bytes
  }
  return {
    add: (body) => void bodies.add(body),
    grow: (body, bytes) => {
      body.bytes += bytes
      total += bytes
      if (total <= maxBytes) return
      for (const oldest of bodies) {
        if (total <= maxBytes) return
        remove(oldest)
        oldest.giveUp()
      }
    },
    remove,
  }
}
