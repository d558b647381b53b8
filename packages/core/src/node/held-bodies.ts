/** Bounds what all bodies that one guard factory holds back take together. */
export interface HeldBodies {
  /** Counts a body from now on. `giveUp` is called when others need its room. */
  readonly hold: (giveUp: () => void) => HeldBody
}

/** One body that is held back. */
export interface HeldBody {
  readonly grow: (bytes: number) => void
  readonly release: () => void
}

interface Counted {
  bytes: number
  readonly giveUp: () => void
}

/**
 * Makes room by giving up the body that is held longest: an honest one is here in a moment, one that never ends would
 * otherwise take the room of all others for as long as its connection lives.
 */
export function createHeldBodies(maxBytes: number): HeldBodies {
  const bodies = new Set<Counted>()
  let total = 0

  const release = (body: Counted): void => {
    if (bodies.delete(body)) total -= body.bytes
  }
  const grow = (body: Counted, bytes: number): void => {
    body.bytes += bytes
    total += bytes
    for (const oldest of bodies) {
      if (total <= maxBytes) return
      release(oldest)
      oldest.giveUp()
    }
  }
  return {
    hold: (giveUp) => {
      const body: Counted = { bytes: 0, giveUp }
      bodies.add(body)
      return { grow: (bytes) => grow(body, bytes), release: () => release(body) }
    },
  }
}
