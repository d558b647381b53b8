/** One body that is held back. */
export interface HeldBack {
  /** How much of it is here. */
  bytes: number
  /** How often the clock ticked since. */
  ticks: number
  /** Whether the caller has proven who it is: the rest of what it sent is checked, and only the body is missing. */
  readonly isProven: boolean
  /** Called when others need its room, or when it took too long. */
  readonly giveUp: (why: 'crowded' | 'late') => void
}

/** Bounds what all bodies that one guard factory holds back take together, and how long each takes to come. */
export interface HeldBodies {
  readonly add: (body: HeldBack) => void
  readonly grow: (body: HeldBack, bytes: number) => void
  readonly remove: (body: HeldBack) => void
}

/** What is held back at most. */
export interface HeldLimits {
  readonly maxBytes: number
  /** Of callers that have proven nothing yet. */
  readonly maxUnproven: number
  readonly maxSeconds: number
}

/** A body is given up after its time, at most a tick later: one timer serves all of them. */
const TICKS = 10

/**
 * Makes room by giving up bodies, those of callers that have proven nothing first, and of these the one that is held longest:
 * an honest one is here in a moment, one that never ends would otherwise take the room of all others.
 */
export function createHeldBodies({ maxBytes, maxUnproven, maxSeconds }: HeldLimits): HeldBodies {
  const proven = new Set<HeldBack>()
  const unproven = new Set<HeldBack>()
  let total = 0
  let timer: NodeJS.Timeout | undefined

  const remove = (body: HeldBack): void => {
    if ((body.isProven ? proven : unproven).delete(body)) total -= body.bytes
  }
  const giveUp = (body: HeldBack, why: 'crowded' | 'late'): void => {
    remove(body)
    body.giveUp(why)
  }
  const makeRoom = (): void => {
    for (const bodies of [unproven, proven]) {
      for (const oldest of bodies) {
        if (total <= maxBytes) return
        giveUp(oldest, 'crowded')
      }
    }
  }
  const tick = (): void => {
    timer = undefined
    for (const bodies of [unproven, proven]) {
      for (const body of bodies) {
        body.ticks++
        if (body.ticks > TICKS) giveUp(body, 'late')
      }
    }
    if (proven.size + unproven.size > 0) wind()
  }
  const wind = (): void => {
    if (timer === undefined) timer = setTimeout(tick, (maxSeconds * 1000) / TICKS).unref()
  }
  return {
    add: (body) => {
      wind()
      if (body.isProven) {
        proven.add(body)
        return
      }
      unproven.add(body)
      for (const oldest of unproven) {
        if (unproven.size <= maxUnproven) return
        giveUp(oldest, 'crowded')
      }
    },
    grow: (body, bytes) => {
      body.bytes += bytes
      total += bytes
      if (total > maxBytes) makeRoom()
    },
    remove,
  }
}
